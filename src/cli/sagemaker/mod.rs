//! `netsec sagemaker serve | train`: the entrypoint of the image for SageMaker, which starts a
//! container with one of these words and has its own places for model, data and errors.

mod hyperparameters;
mod layout;
mod serve;
mod train;

use std::path::PathBuf;

use layout::Layout;

use super::describe;
use crate::error::CommandError;

/// Arguments of `netsec sagemaker`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What SageMaker asks for.
    #[command(subcommand)]
    pub action: Action,
    /// Where SageMaker's folders lie.
    #[arg(long, global = true, value_name = "DIR", default_value = "/opt/ml")]
    pub prefix: PathBuf,
}

/// What SageMaker asks for.
#[derive(Clone, Copy, Debug, clap::Subcommand)]
pub enum Action {
    /// Answer /ping and /invocations on port 8080 with the model of model/.
    Serve,
    /// Retrain on the data of input/data; the model goes to model/.
    Train,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let layout = Layout::new(&args.prefix);
    match args.action {
        Action::Serve => serve::run(&layout),
        Action::Train => train::run(&layout).inspect_err(|e| layout.write_failure(&describe(e))),
    }
}
