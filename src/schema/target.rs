//! The target: from label values to classes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How the values of the label column become classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ClassMapping {
    /// Two classes: the values named here are one, every other value the other.
    Binary {
        /// Values of the harmless class; empty = every value that is not positive.
        negative: Vec<String>,
        /// Values of the threat class; empty = every value that is not negative.
        positive: Vec<String>,
        /// Names of the two classes, harmless first.
        names: [String; 2],
    },
    /// Several classes by value; a value that is not listed is an error naming it.
    Classes {
        /// Label value (trimmed, lower case) to class.
        map: BTreeMap<String, String>,
        /// Class names in order, harmless first.
        order: Vec<String>,
    },
    /// Every value is its own class; `order` is filled when the data is read.
    Identity {
        /// Class names in order, harmless first.
        order: Vec<String>,
    },
}

/// What is predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Name of the target, the label column or `attack_class` for example.
    pub name: String,
    /// The label column.
    pub column: String,
    /// How its values become classes.
    pub mapping: ClassMapping,
}

impl Target {
    /// Class names in order; the harmless one first, so that in a binary task class 1 is the
    /// threat.
    pub fn classes(&self) -> Vec<String> {
        match &self.mapping {
            ClassMapping::Binary { names, .. } => names.to_vec(),
            ClassMapping::Classes { order, .. } | ClassMapping::Identity { order } => order.clone(),
        }
    }
    /// Index of the class of a label value, `None` when the mapping does not know it.
    ///
    /// Values are compared trimmed, without a trailing dot (KDD's files end labels with one) and
    /// without case.
    pub fn class_of(&self, value: &str) -> Option<u32> {
        let value = value.trim();
        let value = value.strip_suffix('.').unwrap_or(value);
        let among = |list: &[String]| list.iter().any(|v| v.eq_ignore_ascii_case(value));
        match &self.mapping {
            ClassMapping::Binary {
                negative, positive, ..
            } => {
                if among(positive) {
                    Some(1)
                } else if among(negative) {
                    Some(0)
                } else {
                    match (negative.is_empty(), positive.is_empty()) {
                        (false, true) => Some(1),
                        (true, false) => Some(0),
                        _ => None,
                    }
                }
            }
            ClassMapping::Classes { map, order } => {
                let class = map.get(&value.to_lowercase())?;
                order.iter().position(|c| c == class).map(|i| i as u32)
            }
            ClassMapping::Identity { order } => order
                .iter()
                .position(|c| c.eq_ignore_ascii_case(value))
                .map(|i| i as u32),
        }
    }
    /// Whether there are exactly two classes.
    pub fn is_binary(&self) -> bool {
        self.classes().len() == 2
    }
}
