//! `netsec init`: write a commented config.toml for your own data.

use std::path::{Path, PathBuf};

use super::{Globals, data_files, mongodb, output};
use crate::config::{Config, SplitKind, StorageKind, template};
use crate::dataset::RawTable;
use crate::error::CommandError;
use crate::files::write_atomic;
use crate::schema::{self, ClassMapping, Role, Schema};
use crate::secrets::shown_address;
use crate::source::{ReadOptions, load_table};
use crate::text::{clean, count};
use crate::workspace::Workspace;

/// Arguments of `netsec init`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Built-in schema: phishing, nsl-kdd, unsw-nb15, cicids2017, demo.
    #[arg(long)]
    pub preset: Option<String>,
    /// The file to train on.
    #[arg(long, value_name = "FILE")]
    pub data: Option<std::path::PathBuf>,
    /// The MongoDB collection to train on; the server is named by MONGODB_URI.
    #[arg(long, value_name = "DATABASE.COLLECTION", conflicts_with = "data")]
    pub mongodb: Option<String>,
    /// A given test file; with --mongodb a collection of the same database.
    #[arg(long, value_name = "FILE")]
    pub test: Option<std::path::PathBuf>,
    /// Row indices as JSON: {"train": [..], "test": [..]}, 0-based.
    #[arg(long, value_name = "FILE")]
    pub split: Option<std::path::PathBuf>,
    /// The label column.
    #[arg(long, value_name = "COLUMN")]
    pub label: Option<String>,
    /// The S3 bucket that approved models are published to.
    #[arg(long, value_name = "BUCKET")]
    pub s3: Option<String>,
    /// The MLflow experiment that runs are logged to.
    #[arg(long, value_name = "NAME")]
    pub experiment: Option<String>,
    /// Folder to write config.toml into.
    #[arg(long, default_value = ".", value_name = "DIR")]
    pub dir: std::path::PathBuf,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    // The folder is `--dir`; a configuration elsewhere has no say in a new one.
    let _ = globals;
    let (config, found) = plan(args)?;
    let path = args.dir.join("config.toml");
    let text = template::render(&config);
    crate::config::parse(&text, &path.display().to_string(), [])?;
    let already = match std::fs::read_to_string(&path) {
        Ok(present) if present == text => true,
        Ok(_) => {
            return Err(CommandError::config(format!(
                "{} exists and says something else; it is not overwritten",
                path.display()
            ))
            .hint("Edit it, remove it, or name another folder with --dir."));
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => false,
        Err(e) => {
            return Err(
                CommandError::config(format!("{} cannot be read", path.display())).because(e),
            );
        }
    };
    if !already {
        write_atomic(&path, text.as_bytes()).map_err(|e| {
            CommandError::backend(format!("{} cannot be written", path.display())).because(e)
        })?;
    }
    let mut report = String::new();
    for line in &found {
        report.push_str(&format!("{}\n", clean(line)));
    }
    let path_text = clean(&path.display().to_string());
    report.push_str(&if already {
        format!("{path_text} says all this already.\n")
    } else {
        format!("Wrote {path_text}.\n")
    });
    report.push_str(&next(args, &path_text));
    output::write_text(&report)
}

/// What to do next.
fn next(args: &Args, path: &str) -> String {
    let option = if args.dir == Path::new(".") {
        String::new()
    } else {
        format!(" --config {path}")
    };
    if let Some(collection) = &args.mongodb {
        return clean(&format!(
            "Next: `netsec{option} data mongodb:{collection}` shows the rows, `netsec{option} \
             retrain` trains."
        )) + "\n";
    }
    match &args.data {
        Some(data) => format!(
            "Next: `netsec{option} validate {}` checks the data, `netsec{option} retrain` trains.\n",
            clean(&data.display().to_string())
        ),
        None => {
            format!("Next: set `[source] path` in {path}, then `netsec{option} retrain` trains.\n")
        }
    }
}

/// The configuration and what was found out, one sentence a line.
fn plan(args: &Args) -> Result<(Config, Vec<String>), CommandError> {
    let mut config = Config::default();
    let mut found = Vec::new();
    if args.test.is_some() && args.split.is_some() {
        return Err(CommandError::usage(
            "--test and --split both divide the rows; give one of them",
        ));
    }
    config.schema.preset = args.preset.clone();
    config.schema.label = args.label.clone();
    if let Some(name) = &args.preset {
        let schema = schema::named_preset(name)?;
        found.extend(
            schema
                .oddities
                .iter()
                .map(|o| format!("Known of {name}: {o}")),
        );
    }
    targets(args, &mut config, &mut found)?;
    if let Some(test) = args.test.as_ref().filter(|_| args.mongodb.is_none()) {
        config.source.test_path = Some(stored(&args.dir, test));
        config.split.kind = SplitKind::TestFile;
    }
    if let Some(split) = &args.split {
        check_split_file(split)?;
        config.split.indices = Some(stored(&args.dir, split));
        config.split.kind = SplitKind::Indices;
    }
    if let Some(collection) = &args.mongodb {
        let schema = mongodb::plan(args, collection, &mut config, &mut found)?;
        found.push(target_text(&schema));
        return Ok((config, found));
    }
    let Some(data) = &args.data else {
        if args.test.is_some() || args.split.is_some() || args.preset.is_none() {
            return Err(CommandError::usage(
                "--data FILE or --mongodb DATABASE.COLLECTION is needed",
            )
            .hint("`netsec demo` makes its own data."));
        }
        return Ok((config, found));
    };
    config.source.path = stored(&args.dir, data);
    let options = ReadOptions::default();
    if args.preset.is_none() {
        let from = InferredFrom {
            table: &data_files::sample(data, &options)?,
            name: &data_files::file_name(data),
            shown: &data.display().to_string(),
        };
        infer(&mut config, &from, args.label.as_deref(), &mut found)?;
    }
    // The same way a run makes its schema, so that what is written here is known to work.
    let schema = schema::resolve(&config.schema, &Workspace::new(&args.dir), || {
        data_files::sample(data, &options)
    })?;
    for file in std::iter::once(data).chain(&args.test) {
        found.push(look_at(file, &schema, &options)?);
    }
    found.push(target_text(&schema));
    Ok((config, found))
}

/// Features, target and classes.
fn target_text(schema: &Schema) -> String {
    let classes = schema.target.classes();
    format!(
        "{} features; the target is `{}` with {} classes: {}.",
        schema.features().count(),
        schema.target.name,
        classes.len(),
        classes.join(", ")
    )
}

/// Where models and runs go: the bucket and the experiment.
fn targets(args: &Args, config: &mut Config, found: &mut Vec<String>) -> Result<(), CommandError> {
    if let Some(bucket) = &args.s3 {
        let bucket = bucket
            .strip_prefix("s3://")
            .unwrap_or(bucket)
            .trim_end_matches('/');
        if bucket.is_empty() || bucket.contains('/') {
            return Err(CommandError::usage(format!(
                "--s3 takes the name of a bucket, not `{bucket}`"
            ))
            .hint("`[storage] prefix` says where in the bucket models lie."));
        }
        config.storage.kind = StorageKind::S3;
        config.storage.bucket = Some(bucket.to_owned());
        found.push(format!(
            "Approved models go to s3://{bucket}/{}/ and s3://{bucket}/{}/, with the credentials \
             that every AWS tool finds.",
            config.storage.prefix, config.storage.copies
        ));
    }
    if let Some(experiment) = &args.experiment {
        if experiment.trim().is_empty() {
            return Err(CommandError::usage("--experiment takes a name"));
        }
        config.tracking.experiment = experiment.clone();
        found.push(match std::env::var("MLFLOW_TRACKING_URI") {
            Ok(uri) if !uri.trim().is_empty() => format!(
                "Runs are logged to the experiment `{experiment}` on {}.",
                shown_address(&uri)
            ),
            _ => format!(
                "Runs are logged to the experiment `{experiment}` once MLFLOW_TRACKING_URI or \
                 `[tracking] uri` names a server."
            ),
        });
    }
    Ok(())
}

/// The rows that a schema is inferred from.
pub(super) struct InferredFrom<'a> {
    /// The rows.
    pub table: &'a RawTable,
    /// What the schema is called.
    pub name: &'a str,
    /// Where the rows are from, for people.
    pub shown: &'a str,
}

/// Infers the schema and writes the guesses into the configuration, where they can be corrected.
pub(super) fn infer(
    config: &mut Config,
    from: &InferredFrom<'_>,
    label: Option<&str>,
    found: &mut Vec<String>,
) -> Result<(), CommandError> {
    let table = from.table;
    if let Some(label) = label {
        // `resolve` knows how to complain about a wrong name.
        let names = table.names.iter().map(|n| n.trim());
        if !names.clone().any(|n| n.eq_ignore_ascii_case(label.trim())) {
            let error = CommandError::usage(format!(
                "--label names `{label}`, which {} does not have",
                from.shown
            ));
            return Err(match schema::nearest(label, names) {
                Some(near) => error.hint(format!("Did you mean `{near}`?")),
                None => error,
            });
        }
    }
    let inferred = schema::infer(table, from.name, label);
    let schema = inferred.schema;
    config.schema.label = Some(schema.target.column.clone());
    config.schema.ignore = schema
        .columns
        .iter()
        .filter(|c| c.role == Role::Ignored)
        .map(|c| c.name.clone())
        .collect();
    if let ClassMapping::Binary { positive, .. } = &schema.target.mapping {
        config.schema.positive = positive.clone();
    }
    found.extend(inferred.notes);
    Ok(())
}

/// Reads a file as a run would and says what it is.
fn look_at(file: &Path, schema: &Schema, options: &ReadOptions) -> Result<String, CommandError> {
    let options = ReadOptions {
        require_label: true,
        ..*options
    };
    let read = load_table(file, Some(schema), &options)?;
    if let Some(first) = read.quarantine.first()
        && read.quarantine.len() as u64 == read.rows
    {
        return Err(CommandError::data(format!(
            "none of the {} rows of {} can be used; line {}: {}",
            count(read.rows),
            file.display(),
            first.line,
            first.reason
        ))
        .hint("Check the label (`--label`), the delimiter and the header."));
    }
    let mut text = format!(
        "{}: {}, {} rows",
        file.display(),
        read.detected.summary(),
        count(read.rows)
    );
    if let Some(first) = read.quarantine.first() {
        text.push_str(&format!(
            ", {} of them unreadable, the first on line {}: {}",
            count(read.quarantine.len() as u64),
            first.line,
            first.reason
        ));
    }
    text.push('.');
    Ok(text)
}

/// Checks that a file of row indices is one.
fn check_split_file(path: &Path) -> Result<(), CommandError> {
    #[derive(serde::Deserialize)]
    struct Indices {
        train: Vec<u64>,
        test: Vec<u64>,
    }
    let wrong = || CommandError::data(format!("{} holds no row indices", path.display()));
    let hint = "It must be JSON: {\"train\": [..], \"test\": [..]}, 0-based.";
    let bytes = std::fs::read(path)
        .map_err(|e| CommandError::data(format!("{} cannot be read", path.display())).because(e))?;
    let indices: Indices =
        serde_json::from_slice(&bytes).map_err(|e| wrong().because(e).hint(hint))?;
    if indices.train.is_empty() || indices.test.is_empty() {
        return Err(wrong().hint(hint));
    }
    Ok(())
}

/// A path as the configuration holds it: relative to its folder when it lies inside, else
/// absolute, so that the configuration works from anywhere.
fn stored(dir: &Path, file: &Path) -> PathBuf {
    let whole = |path: &Path| {
        path.canonicalize()
            .or_else(|_| std::path::absolute(path))
            .unwrap_or_else(|_| path.to_owned())
    };
    let (dir, file) = (whole(dir), whole(file));
    match file.strip_prefix(&dir) {
        Ok(inside) => inside.to_owned(),
        Err(_) => file,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn args(dir: &Path, change: impl FnOnce(&mut Args)) -> Args {
        let mut args = Args {
            preset: None,
            data: None,
            mongodb: None,
            test: None,
            split: None,
            label: None,
            s3: None,
            experiment: None,
            dir: dir.to_owned(),
        };
        change(&mut args);
        args
    }

    fn flows(dir: &Path) -> PathBuf {
        let mut text = "id,src_ip,bytes,proto,outcome\n".to_owned();
        for i in 0..60 {
            let label = if i % 4 == 0 { "attack" } else { "normal" };
            let proto = ["tcp", "udp"][i % 2];
            text.push_str(&format!("{i},10.0.0.{i},{},{proto},{label}\n", i * i % 37));
        }
        let path = dir.join("flows.csv");
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn an_inferred_schema_stands_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let data = flows(dir.path());
        let (config, found) = plan(&args(dir.path(), |a| a.data = Some(data))).unwrap();
        assert_eq!(config.source.path, Path::new("flows.csv"));
        assert_eq!(config.schema.label.as_deref(), Some("outcome"));
        assert_eq!(config.schema.ignore, ["id", "src_ip"]);
        assert_eq!(config.schema.positive, ["attack"]);
        assert!(found.iter().any(|f| f.contains("2 features")), "{found:?}");
        assert!(found.iter().any(|f| f.contains("`src_ip` is left out")));
    }

    #[test]
    fn bucket_and_experiment_stand_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let data = flows(dir.path());
        let with = |s3: &str| {
            plan(&args(dir.path(), |a| {
                a.data = Some(data.clone());
                a.s3 = Some(s3.to_owned());
                a.experiment = Some("threats".to_owned());
            }))
        };
        let (config, found) = with("s3://models/").unwrap();
        assert_eq!(config.storage.kind, StorageKind::S3);
        assert_eq!(config.storage.bucket.as_deref(), Some("models"));
        assert_eq!(config.tracking.experiment, "threats");
        assert!(found[0].contains("s3://models/netsec/"), "{found:?}");
        assert_eq!(with("models/prefix").unwrap_err().kind, ErrorKind::Usage);
    }

    #[test]
    fn what_was_written_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let data = flows(dir.path());
        let first = args(dir.path(), |a| a.data = Some(data.clone()));
        let globals = Globals::new(dir.path().join("config.toml"));
        run(&first, &globals).unwrap();
        let text = std::fs::read_to_string(globals.config_file()).unwrap();
        // The same again changes nothing; something else is refused.
        run(&first, &globals).unwrap();
        let other = args(dir.path(), |a| {
            a.data = Some(data);
            a.label = Some("proto".to_owned());
        });
        assert_eq!(run(&other, &globals).unwrap_err().kind, ErrorKind::Config);
        assert_eq!(
            std::fs::read_to_string(globals.config_file()).unwrap(),
            text
        );
    }

    #[test]
    fn wrong_arguments_write_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let data = flows(dir.path());
        let bad_split = dir.path().join("split.json");
        std::fs::write(&bad_split, "{\"train\": [1]}").unwrap();
        type Change<'a> = &'a dyn Fn(&mut Args);
        let cases: [(Change<'_>, ErrorKind); 6] = [
            (&|_| {}, ErrorKind::Usage),
            (&|a| a.preset = Some("nsl".into()), ErrorKind::Config),
            (&|a| a.data = Some("nowhere.csv".into()), ErrorKind::Data),
            (
                &|a| {
                    a.data = Some(data.clone());
                    a.label = Some("outcom".into());
                },
                ErrorKind::Usage,
            ),
            (
                &|a| {
                    a.data = Some(data.clone());
                    a.split = Some(bad_split.clone());
                },
                ErrorKind::Data,
            ),
            (
                &|a| {
                    a.data = Some(data.clone());
                    a.preset = Some("phishing".into());
                },
                ErrorKind::Data,
            ),
        ];
        let globals = Globals::new(dir.path().join("config.toml"));
        for (change, kind) in cases {
            let e = run(&args(dir.path(), change), &globals).unwrap_err();
            assert_eq!(e.kind, kind, "{e}");
            assert!(!globals.config_file().exists());
        }
    }
}
