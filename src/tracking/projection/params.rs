//! Settings as the flat text parameters that the server wants.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::learners::LearnerId;

/// Sections of the configuration that say how a model came about. `[tracking]` and `[storage]` are
/// left out on purpose: they name servers.
const SECTIONS: [&str; 9] = [
    "source",
    "schema",
    "split",
    "validation",
    "drift",
    "transformation",
    "training",
    "gate",
    "approval",
];

/// The parameters of a run. The learners' own settings are those of their child runs.
pub(super) fn of_config(config: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for section in SECTIONS {
        if let Some(value) = config.get(section) {
            found.extend(flatten(section, value));
        }
    }
    found.retain(|name, _| {
        name.strip_prefix("training.")
            .and_then(|rest| rest.split_once('.'))
            .is_none_or(|(first, _)| first.parse::<LearnerId>().is_err())
    });
    found
}

/// A value as `name.inner` = text. Lists are one parameter, as JSON.
pub(super) fn flatten(name: &str, value: &Value) -> Vec<(String, String)> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(field, value)| {
                let name = if name.is_empty() {
                    field.clone()
                } else {
                    format!("{name}.{field}")
                };
                flatten(&name, value)
            })
            .collect(),
        // A setting without a name is no setting.
        _ if name.is_empty() => Vec::new(),
        Value::String(text) => vec![(name.to_owned(), text.clone())],
        other => vec![(name.to_owned(), other.to_string())],
    }
}
