//! Compares the models of two runs, or of a run and the champion, by their names.

use super::contender::Contender;
use super::document::{CompareDocument, Origin, compare};
use crate::error::CommandError;
use crate::events::StageName;
use crate::metrics::Resampling;
use crate::pipeline::data_ingestion;
use crate::runs::RunStore;
use crate::storage;
use crate::workspace::Workspace;

/// What the champion is called where a run can be named.
pub const CHAMPION: &str = "champion";

/// Compares the selected models of `run` and `other` on the test rows of `run`. Both are run ids
/// or unique beginnings of one; `other` may be `champion`.
///
/// # Errors
/// Usage when the first is `champion`, not found when there is no such run or model, data when
/// the two cannot be compared.
pub fn compare_runs(
    workspace: &Workspace,
    run: &str,
    other: &str,
    resamples: u32,
) -> Result<CompareDocument, CommandError> {
    if run == CHAMPION {
        return Err(CommandError::usage(
            "the first model must be a run: its test rows are compared on",
        )
        .hint("Turn the two round: `netsec compare RUN champion`."));
    }
    let store = RunStore::new(workspace);
    let side = |text: &str| -> Result<(Contender, Origin), CommandError> {
        let id = store.resolve(text)?;
        let dir = workspace.run_dir(&id);
        Ok((Contender::of_run(id.as_str(), &dir)?, Origin::of_run(&dir)))
    };
    let first = side(run)?;
    let second = if other == CHAMPION {
        let champion = storage::load_champion(workspace)?.ok_or_else(|| {
            CommandError::not_found("there is no champion yet").hint("`netsec approve` makes one.")
        })?;
        let origin = Origin::of_run(&workspace.run_dir(&champion.run_id));
        (Contender::of_champion(&champion), origin)
    } else {
        side(other)?
    };
    let first_dir = workspace.run_dir(&store.resolve(run)?);
    let test = data_ingestion::load_test(&first_dir.join(StageName::DataIngestion.as_str()))?.0;
    let resampling = Resampling {
        resamples,
        ..Resampling::default()
    };
    compare(
        (&first.0, &first.1),
        (&second.0, &second.1),
        &test,
        resampling,
    )
}
