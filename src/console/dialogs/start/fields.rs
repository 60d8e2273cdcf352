//! What the start form asks, as data: items, what they allow, and which settings they change.

use crate::config::{self, Config, SettingChange, SourceKind};
use crate::learners::LearnerId;

/// Something the form asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A note that stays with the run.
    Note,
    /// The data file.
    Data,
    /// Which learners.
    Learners,
    /// Folds of the cross-validation.
    Folds,
    /// Rounds, trees or iterations of a learner.
    Budget(LearnerId),
    /// Cores to use.
    Cores,
}

impl Item {
    /// Every item that is a field of text.
    pub(super) fn texts() -> Vec<Item> {
        let mut all = vec![Item::Note, Item::Data, Item::Folds];
        let with_budget = |l: &LearnerId| l.budget_setting().is_some();
        all.extend(
            LearnerId::ALL
                .into_iter()
                .filter(with_budget)
                .map(Item::Budget),
        );
        all.push(Item::Cores);
        all
    }
    /// Its name in the form.
    pub(super) fn label(self) -> String {
        match self {
            Item::Note => "Note".to_owned(),
            Item::Data => "Data file".to_owned(),
            Item::Learners => "Learners".to_owned(),
            Item::Folds => "Folds".to_owned(),
            Item::Budget(learner) => learner.to_string(),
            Item::Cores => "Cores".to_owned(),
        }
    }
    /// The setting it changes.
    pub(super) fn key(self) -> Option<String> {
        Some(match self {
            Item::Note => return None,
            Item::Data => "source.path".to_owned(),
            Item::Learners => "training.learners".to_owned(),
            Item::Folds => "training.folds".to_owned(),
            Item::Budget(learner) => {
                format!("training.{learner}.{}", learner.budget_setting()?)
            }
            Item::Cores => "training.cores".to_owned(),
        })
    }
    /// What may be typed.
    pub(super) fn allowed(self, config: &Config, cores: usize) -> String {
        match self {
            Item::Note => "stays with the run".to_owned(),
            Item::Data => match config.source.kind {
                SourceKind::File => "CSV, Parquet or NDJSON, from the project's folder".to_owned(),
                SourceKind::Mongodb => format!(
                    "empty: the collection {}.{}",
                    config.source.database.as_deref().unwrap_or("-"),
                    config.source.collection.as_deref().unwrap_or("-")
                ),
            },
            Item::Learners => "at least one; Space ticks, Left and Right move".to_owned(),
            Item::Folds => "2 or more".to_owned(),
            Item::Budget(learner) => {
                let what = match learner.budget_setting() {
                    Some("max_iterations") => "iterations",
                    Some(what) => what,
                    None => "",
                };
                format!("1 or more {what}")
            }
            Item::Cores => match cores {
                0 => "0 = all".to_owned(),
                n => format!("0 = all, here {n}"),
            },
        }
    }
    /// What stands in the field at first.
    pub(super) fn initial(self, config: &Config) -> String {
        match self {
            Item::Note | Item::Learners => String::new(),
            Item::Data => match config.source.kind {
                SourceKind::File => config.source.path.display().to_string(),
                SourceKind::Mongodb => String::new(),
            },
            Item::Folds => config.training.folds.to_string(),
            Item::Budget(learner) => config.training.spec(learner).rounds().to_string(),
            Item::Cores => config.training.cores.to_string(),
        }
    }
    /// The changes that this text asks for; none when it says what the configuration says.
    pub(super) fn changes(self, text: &str, config: &Config) -> Vec<SettingChange> {
        let text = text.trim();
        if text == self.initial(config) {
            return Vec::new();
        }
        match (self, self.key()) {
            (Item::Note | Item::Learners, _) | (_, None) => Vec::new(),
            (Item::Data, Some(key)) => {
                let path = SettingChange::text(key, text);
                match config.source.kind {
                    SourceKind::File => vec![path],
                    SourceKind::Mongodb => vec![SettingChange::new("source.kind", "file"), path],
                }
            }
            (_, Some(key)) => vec![SettingChange::new(key, text)],
        }
    }
    /// The item a setting is asked at.
    pub(super) fn of_key(key: &str) -> Option<Item> {
        let mut all = Item::texts();
        all.push(Item::Learners);
        if key == "source.collection" {
            return Some(Item::Data);
        }
        all.into_iter().find(|i| i.key().as_deref() == Some(key))
    }
}

/// The change of the list of learners; none when the same ones are chosen.
pub(super) fn learner_changes(chosen: &[LearnerId], config: &Config) -> Vec<SettingChange> {
    let before = &config.training.learners;
    let same = chosen.len() == before.len() && chosen.iter().all(|l| before.contains(l));
    if same {
        return Vec::new();
    }
    let names: Vec<&str> = chosen.iter().map(|l| l.as_str()).collect();
    vec![SettingChange::new("training.learners", names.join(","))]
}

/// Why a single change cannot be, in words for the field.
pub(super) fn wrong(changes: &[SettingChange], config: &Config, allowed: &str) -> Option<String> {
    let e = config::with_changes(config, changes).err()?;
    // What a deserialiser says about a type is said better by what is allowed.
    Some(if e.message.starts_with("invalid ") {
        format!("must be {allowed}")
    } else {
        // `[training] folds is 1, ` stands before: the field says that itself.
        match e.message.split_once(", ") {
            Some((place, why)) if place.starts_with('[') => match why.strip_prefix("it must ") {
                Some(must) => format!("must {must}"),
                None => why.to_owned(),
            },
            _ => e.message,
        }
    })
}

/// A word for a shell, in quotes where it needs them.
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_there_at_first_changes_nothing() {
        let config = Config::default();
        for item in Item::texts() {
            assert_eq!(
                item.changes(&item.initial(&config), &config),
                [],
                "{item:?}"
            );
        }
        assert_eq!(learner_changes(&LearnerId::DEFAULT, &config), []);
    }

    #[test]
    fn a_file_instead_of_a_collection_changes_the_kind_of_source() {
        let mut config = Config::default();
        config.source.kind = SourceKind::Mongodb;
        config.source.database = Some("ids".into());
        config.source.collection = Some("flows".into());
        assert!(Item::Data.allowed(&config, 2).contains("ids.flows"));
        let changes = Item::Data.changes("5", &config);
        let (changed, _) = config::with_changes(&config, &changes).unwrap();
        assert_eq!(changed.source.kind, SourceKind::File);
        assert_eq!(changed.source.path.to_str(), Some("5"));
    }

    #[test]
    fn wrong_values_are_told_in_the_words_of_the_field() {
        let config = Config::default();
        let told = |item: Item, text: &str| {
            wrong(
                &item.changes(text, &config),
                &config,
                &item.allowed(&config, 2),
            )
        };
        assert_eq!(told(Item::Folds, "x").as_deref(), Some("must be 2 or more"));
        assert_eq!(told(Item::Folds, "").as_deref(), Some("must be 2 or more"));
        assert_eq!(told(Item::Folds, "5"), None);
        let trees = Item::Budget(LearnerId::RandomForest);
        assert_eq!(told(trees, "0").as_deref(), Some("must be at least 1"));
    }

    #[test]
    fn words_for_a_shell() {
        assert_eq!(quoted("training.folds=5"), "training.folds=5");
        assert_eq!(quoted("it's 5 o'clock"), "'it'\\''s 5 o'\\''clock'");
        assert_eq!(quoted(""), "''");
    }
}
