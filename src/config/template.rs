//! The commented `config.toml`: every key with its value and a sentence that explains it.
//!
//! The text is rendered from a [`Config`], so the defaults in it cannot go stale; the
//! explanations stand here, and a test holds that no key lacks one.

use toml::{Table, Value};

use super::Config;

/// A section, its explanation and its keys.
struct Section {
    name: &'static str,
    about: &'static str,
    keys: &'static [Key],
}

/// A key, its explanation, and a value to show while it is not set.
#[derive(Clone, Copy)]
struct Key {
    name: &'static str,
    about: &'static str,
    example: &'static str,
}

const fn key(name: &'static str, about: &'static str) -> Key {
    Key {
        name,
        about,
        example: "",
    }
}

const fn unset(name: &'static str, about: &'static str, example: &'static str) -> Key {
    Key {
        name,
        about,
        example,
    }
}

const SECTIONS: &[Section] = &[
    Section {
        name: "source",
        about: "Where the rows come from.",
        keys: &[
            key(
                "kind",
                "file: CSV, Parquet or NDJSON, each also as .gz and .zst; mongodb: a collection.",
            ),
            key(
                "path",
                "The file to train on; relative paths start at this file's folder.",
            ),
            unset(
                "test_path",
                "A given test file; it replaces the split.",
                "\"test.csv\"",
            ),
            unset(
                "header",
                "CSV: whether the first line is a header. Detected when left out.",
                "true",
            ),
            unset(
                "delimiter",
                "CSV: the delimiter. Detected when left out.",
                "\",\"",
            ),
            unset(
                "max_quarantine_share",
                "Share of unreadable rows from which the run stops.",
                "0.1",
            ),
            unset(
                "database",
                "mongodb: the database; the server comes from the environment, MONGODB_URI.",
                "\"security\"",
            ),
            unset(
                "collection",
                "mongodb: the collection to train on.",
                "\"flows\"",
            ),
            unset(
                "test_collection",
                "mongodb: a collection of given test rows; it replaces the split.",
                "\"flows_test\"",
            ),
            unset(
                "filter",
                "mongodb: which documents, as a query in JSON.",
                "'{\"proto\": \"tcp\"}'",
            ),
            unset(
                "fields",
                "mongodb: fields to read, nested ones by dots. All when left out.",
                "[\"duration\", \"service\", \"label\"]",
            ),
            unset(
                "time_field",
                "mongodb: the field that bounds a snapshot instead of _id.",
                "\"seen_at\"",
            ),
            unset(
                "until",
                "mongodb: the recorded upper bound of an earlier snapshot, to read the same rows again.",
                "\"2026-11-22T12:00:00Z\"",
            ),
            unset(
                "arrays",
                "mongodb: arrays in a document: refuse (to quarantine) or text (kept as JSON).",
                "\"text\"",
            ),
        ],
    },
    Section {
        name: "schema",
        about: "What the columns mean. Without preset and file it is inferred from the rows.",
        keys: &[
            unset(
                "preset",
                "A built-in schema: phishing, nsl-kdd, unsw-nb15, cicids2017, demo.",
                "\"nsl-kdd\"",
            ),
            unset(
                "file",
                "A schema file, as `netsec schema infer` writes it.",
                "\"schema.json\"",
            ),
            unset(
                "label",
                "The label column; overrides the schema's.",
                "\"label\"",
            ),
            unset(
                "target",
                "A named target of the preset: attack_class of nsl-kdd, attack_cat of unsw-nb15.",
                "\"attack_class\"",
            ),
            unset(
                "positive",
                "Label values that are threats; every other is harmless.",
                "[\"attack\"]",
            ),
            unset(
                "ignore",
                "Columns that are no features, beyond the schema's.",
                "[\"flow_id\"]",
            ),
        ],
    },
    Section {
        name: "split",
        about: "How rows are divided into train and test.",
        keys: &[
            key("kind", "stratified, time, group, indices or test_file."),
            key("test_share", "Share of the rows in the test split."),
            key("seed", "Seed of the random kinds."),
            unset(
                "time_column",
                "time: the column that orders the rows; the newest are the test split.",
                "\"timestamp\"",
            ),
            unset(
                "group_column",
                "group: the column whose values stay on one side.",
                "\"src_ip\"",
            ),
            unset(
                "indices",
                "indices: a JSON file {\"train\": [..], \"test\": [..]}, 0-based.",
                "\"split.json\"",
            ),
            key(
                "allow_shared_vectors",
                "Whether the same feature vector may stand in train and test; it flatters every figure.",
            ),
        ],
    },
    Section {
        name: "validation",
        about: "What the checks allow.",
        keys: &[
            key(
                "max_null_share",
                "Largest share of missing values in a column.",
            ),
            key(
                "max_duplicate_share",
                "Largest share of rows that equal an earlier row.",
            ),
        ],
    },
    Section {
        name: "validation.severity",
        about: "What a failing check does, by check: off, warn or stop.\n\
                Missing or mistyped columns and a label with one class stop, the rest warns.",
        keys: &[unset("duplicates", "", "\"stop\"")],
    },
    Section {
        name: "drift",
        about: "When a column counts as drifted since the champion was trained.",
        keys: &[
            key("psi", "Population stability index."),
            key(
                "jensen_shannon",
                "Jensen-Shannon distance, natural logarithm, 0 to 0.83.",
            ),
            key("null_share", "Change of the share of missing values."),
            key(
                "q_value",
                "False discovery rate of the tests over all columns.",
            ),
            key(
                "dataset_share",
                "Share of drifted columns from which the table counts as drifted.",
            ),
            key(
                "min_rows",
                "Rows a side below which the verdict is cannot_tell.",
            ),
            key("blocks", "Whether a drifted table stops the run."),
        ],
    },
    Section {
        name: "transformation",
        about: "From columns to a matrix; fitted on the train split only.",
        keys: &[
            key(
                "numeric_impute",
                "Missing numbers: kind = median, mode, constant (value = 0.0) or knn (neighbours = 5).",
            ),
            key(
                "categorical_impute",
                "Missing categories: kind = mode or constant (value = \"none\").",
            ),
            key("encode", "Categories: one_hot or ordinal."),
            key(
                "unknown",
                "Categories unseen in train: zero, rare or error.",
            ),
            key("scale", "none, standard or min_max."),
        ],
    },
    Section {
        name: "transformation.rare",
        about: "Which categories are joined into one.",
        keys: &[
            key(
                "min_rows",
                "Categories with fewer train rows are joined; 0 = none.",
            ),
            key("max_categories", "Categories kept per column; 0 = all."),
        ],
    },
    Section {
        name: "training",
        about: "Which learners, and how the best one is selected.",
        keys: &[
            key(
                "learners",
                "Baselines by choice: linfa_tree, linfa_logistic.",
            ),
            key(
                "seed",
                "Seed of everything random; the same seed gives the same bytes.",
            ),
            key("folds", "Folds of the cross-validation on the train split."),
            key("cores", "Cores to use; 0 = all."),
            key(
                "select_by",
                "Selects the model: f1, macro_f1, roc_auc, pr_auc, log_loss or accuracy.",
            ),
            key("class_weight", "none or balanced."),
            unset("weight_column", "A column of row weights.", "\"weight\""),
        ],
    },
    Section {
        name: "training.logistic_regression",
        about: "",
        keys: &[
            key("c", "Inverse strength of the L2 penalty."),
            key("max_iterations", "Iterations at most."),
            key(
                "tolerance",
                "Stops when the largest gradient component falls below this.",
            ),
        ],
    },
    Section {
        name: "training.decision_tree",
        about: "",
        keys: &TREE,
    },
    Section {
        name: "training.random_forest",
        about: "",
        keys: &[
            key("trees", "Number of trees."),
            TREE[0],
            TREE[1],
            TREE[2],
            TREE[3],
            TREE[4],
            key("bootstrap", "Whether each tree sees a bootstrap sample."),
        ],
    },
    Section {
        name: "training.adaboost",
        about: "",
        keys: &[
            key("rounds", "Boosting rounds."),
            key("learning_rate", "Shrinks the weight of each round."),
            key("max_depth", "Depth of each tree; 1 = stumps."),
        ],
    },
    Section {
        name: "training.xgboost",
        about: "",
        keys: &[
            key("rounds", "Boosting rounds."),
            key("learning_rate", "Shrinkage (eta)."),
            TREE[1],
            key("min_child_weight", "Smallest sum of hessians in a child."),
            key("subsample", "Share of rows per tree."),
            key("colsample_bytree", "Share of features per tree."),
            key("reg_lambda", "L2 penalty (lambda)."),
            key("reg_alpha", "L1 penalty (alpha)."),
            key("gamma", "Smallest loss reduction of a split."),
            key("max_bin", "Histogram bins."),
        ],
    },
    Section {
        name: "training.linfa_tree",
        about: "",
        keys: &[
            TREE[1],
            key("max_rows", "Rows above which the baseline is refused."),
        ],
    },
    Section {
        name: "training.linfa_logistic",
        about: "",
        keys: &[
            key("alpha", "L2 penalty."),
            key("max_iterations", "Iterations at most."),
            key("max_rows", "Rows above which the baseline is refused."),
        ],
    },
    Section {
        name: "gate",
        about: "What a model must reach to be planned for a push.",
        keys: &[
            key(
                "min_gain_over_majority",
                "Accuracy gained over always predicting the most frequent class.",
            ),
            key(
                "compare_by",
                "The metric compared with the champion on the same rows.",
            ),
            key(
                "max_loss",
                "How much worse than the champion the lower end of the interval may be.",
            ),
            key("resamples", "Resamples of the paired bootstrap."),
        ],
    },
    Section {
        name: "gate.floors",
        about: "Smallest test figures, by metric.",
        keys: &[unset("f1", "", "0.8")],
    },
    Section {
        name: "approval",
        about: "Who may approve a push, and how long a plan is good.",
        keys: &[
            key("approvals", "Approvals by different people."),
            key(
                "approvers",
                "Who may approve; empty = anybody who may write this folder.",
            ),
            key(
                "self_approval",
                "Whether the person who started the run may approve it.",
            ),
            key("max_plan_age_hours", "Hours a plan is good."),
        ],
    },
    Section {
        name: "storage",
        about: "Where approved models are published, besides final_model/ here.",
        keys: &[
            key(
                "kind",
                "local: a folder; s3: a bucket, with credentials and endpoint as every AWS tool reads them.",
            ),
            key("path", "local: the folder."),
            unset("bucket", "s3: the bucket.", "\"models\""),
            key(
                "prefix",
                "s3: where in the bucket blobs, manifests, versions and the pointer lie.",
            ),
            key("copies", "Where the plain copies for older readers lie."),
            key("model", "The name the models are published under."),
        ],
    },
    Section {
        name: "tracking",
        about: "The MLflow or DAGsHub server that runs are logged to; user and token come from the environment.",
        keys: &[
            unset(
                "uri",
                "The server; MLFLOW_TRACKING_URI comes first. Nothing is sent while neither names one.",
                "\"https://dagshub.com/user/repository.mlflow\"",
            ),
            key("experiment", "The experiment."),
            key("model", "The name of the registered model."),
            key(
                "automatic",
                "Whether runs and consoles send by themselves; false: `netsec sync` does.",
            ),
        ],
    },
    Section {
        name: "serve",
        about: "The scoring service. Its tokens come from the environment: NETSEC_SERVE_TOKENS.",
        keys: &[
            key(
                "listen",
                "Address and port; any other than loopback is refused without tokens.",
            ),
            key(
                "source",
                "Where the champion comes from: local (final_model/ here) or storage ([storage], by its pointer).",
            ),
            key(
                "poll_seconds",
                "Seconds between two looks for a new champion.",
            ),
            unset(
                "tls_cert",
                "TLS: the certificate chain (PEM).",
                "\"tls/cert.pem\"",
            ),
            unset("tls_key", "TLS: its key (PEM).", "\"tls/key.pem\""),
            key("max_body_mib", "Largest body of a request, MiB."),
            key("max_rows", "Most rows of a request."),
            key(
                "max_bodies_mib",
                "MiB of bodies held at once; beyond, requests are told to come back.",
            ),
            key("max_in_flight", "Requests worked on at once."),
            key("max_connections", "Connections open at once."),
            key(
                "header_seconds",
                "Seconds a request may take to send its head.",
            ),
            key(
                "body_seconds",
                "Seconds a request may take to send its body.",
            ),
            key("request_seconds", "Seconds a request may be worked on."),
            key(
                "drain_seconds",
                "Seconds that requests in flight get when the service is told to end.",
            ),
            key(
                "log_to",
                "Where scored rows are kept: parquet (Artifacts/predictions/) or mongodb (MONGODB_URI).",
            ),
            key("log_database", "mongodb: the database."),
            key("log_collection", "mongodb: the collection."),
            key(
                "log_sample",
                "Share of scored rows that are kept, from 0 to 1.",
            ),
            key("log_days", "Days that they are kept."),
            key(
                "drift_seconds",
                "Seconds between two comparisons of them with the champion's data; 0 = never.",
            ),
            unset(
                "shadow",
                "A run whose model scores the same rows too; only /metrics tells what it said.",
                "\"latest\"",
            ),
        ],
    },
    Section {
        name: "ui",
        about: "The console.",
        keys: &[
            key("glyphs", "Plots: auto, braille, block or ascii."),
            key(
                "theme",
                "Colours: terminal (its own, no background), dark, light, colour-blind or \
                 colour-blind-light.",
            ),
            key(
                "colours",
                "How many: auto (NO_COLOR, COLORTERM, TERM decide), none, 16, 256 or 24bit, in quotes.",
            ),
        ],
    },
    Section {
        name: "ui.keys",
        about: "Keys by command id; `netsec keys` lists both.",
        keys: &[unset("\"training.stop-after-round\"", "", "\"c\"")],
    },
];

const TREE: [Key; 5] = [
    key("criterion", "Impurity: gini or entropy."),
    key("max_depth", "Depth at most; 0 = unlimited."),
    key("min_samples_split", "Rows a node needs to be split."),
    key("min_samples_leaf", "Rows each side of a split needs."),
    key(
        "max_features",
        "Features per split: all, sqrt or a share such as 0.5.",
    ),
];

const HEAD: &str = "\
# Settings of netsec. Every key can be left out; the values are then the defaults.
# An environment variable NETSEC_<SECTION>__<KEY> overrides a key: NETSEC_TRAINING__SEED=7.
# Secrets never stand here; they come from the environment.
";

/// The commented text of a configuration. Parsing it gives the configuration back.
pub fn render(config: &Config) -> String {
    let all = match Value::try_from(config) {
        Ok(Value::Table(table)) => table,
        // Our own structs serialise to a table; an empty one still gives a valid file.
        _ => Table::new(),
    };
    let mut text = HEAD.to_owned();
    for section in SECTIONS {
        let empty = Table::new();
        let values = at(&all, section.name).unwrap_or(&empty);
        text.push('\n');
        for line in section.about.lines() {
            text.push_str(&format!("# {line}\n"));
        }
        text.push_str(&format!("[{}]\n", section.name));
        for key in section.keys {
            if !key.about.is_empty() {
                text.push_str(&format!("# {}\n", key.about));
            }
            match values.get(key.name.trim_matches('"')) {
                Some(value) => text.push_str(&format!("{} = {value}\n", key.name)),
                None => text.push_str(&format!("# {} = {}\n", key.name, key.example)),
            }
        }
        for (name, value) in rest(section, values) {
            text.push_str(&format!("{} = {value}\n", toml_key(name)));
        }
    }
    text
}

/// What is set in a section, has no explanation and is no section of its own: the entries of open
/// maps, such as severities by check.
fn rest<'a>(section: &Section, values: &'a Table) -> impl Iterator<Item = (&'a String, &'a Value)> {
    values.iter().filter(move |(name, _)| {
        !section
            .keys
            .iter()
            .any(|k| k.name.trim_matches('"') == name.as_str())
            && !SECTIONS
                .iter()
                .any(|s| s.name == format!("{}.{name}", section.name))
    })
}

fn at<'a>(table: &'a Table, path: &str) -> Option<&'a Table> {
    path.split('.')
        .try_fold(table, |t, part| t.get(part).and_then(Value::as_table))
}

/// A key as TOML writes it, quoted where it must be.
fn toml_key(name: &str) -> String {
    let bare = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare {
        name.to_owned()
    } else {
        Value::String(name.to_owned()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Severity, parse};

    fn back(config: &Config) -> Config {
        let text = render(config);
        parse(&text, "config.toml", Vec::new()).unwrap_or_else(|e| panic!("{e}\n{text}"))
    }

    #[test]
    fn the_default_text_is_the_default_configuration() {
        assert_eq!(back(&Config::default()), Config::default());
    }

    #[test]
    fn what_is_set_is_kept() {
        let mut config = Config::default();
        config.source.path = "a \"b\"/c.csv".into();
        config.source.header = Some(false);
        config.source.delimiter = Some('\t');
        config.schema.preset = Some("nsl-kdd".into());
        config.schema.positive = vec!["x, y".into(), "#".into()];
        config
            .validation
            .severity
            .insert("nulls".into(), Severity::Stop);
        config
            .validation
            .severity
            .insert("duplicates".into(), Severity::Off);
        config.gate.floors.insert("f1".into(), 0.75);
        config.gate.floors.insert("roc_auc".into(), 0.9);
        config
            .ui
            .keys
            .insert("training.stop-after-round".into(), "x".into());
        config.ui.keys.insert("pusher.approve".into(), "p".into());
        config.training.xgboost.rounds = 7;
        assert_eq!(back(&config), config);
    }

    #[test]
    fn every_key_is_explained() {
        fn walk(path: &str, table: &Table, missing: &mut Vec<String>) {
            let section = SECTIONS.iter().find(|s| s.name == path);
            for (name, value) in table {
                let below = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                let is_section = SECTIONS.iter().any(|s| s.name == below);
                let explained = section
                    .is_some_and(|s| s.keys.iter().any(|k| k.name == name && !k.about.is_empty()));
                if !is_section && !explained {
                    missing.push(below.clone());
                }
                if let (true, Value::Table(inner)) = (is_section, value) {
                    walk(&below, inner, missing);
                }
            }
        }
        let Value::Table(all) = Value::try_from(Config::default()).unwrap() else {
            panic!("the configuration is a table")
        };
        let mut missing = Vec::new();
        walk("", &all, &mut missing);
        assert!(missing.is_empty(), "without an explanation: {missing:?}");
    }

    #[test]
    fn every_example_can_be_used() {
        // A commented example that does not parse would be worse than none.
        let text: String = render(&Config::default())
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest)
                    if SECTIONS.iter().flat_map(|s| s.keys).any(|k| {
                        !k.example.is_empty() && rest == format!("{} = {}", k.name, k.example)
                    }) =>
                {
                    format!("{rest}\n")
                }
                _ => format!("{line}\n"),
            })
            .collect();
        let config = parse(&text, "config.toml", Vec::new()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(config.schema.preset.as_deref(), Some("nsl-kdd"));
        assert_eq!(config.gate.floors["f1"], 0.8);
    }

    #[test]
    fn the_file_at_the_top_is_this_text_for_the_demo() {
        let mut config = Config::default();
        config.schema.preset = Some("demo".into());
        config.source.path = "flows_newer.csv".into();
        let committed = include_str!("../../config.toml");
        assert_eq!(committed, render(&config));
    }
}
