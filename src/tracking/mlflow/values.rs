//! What the server would refuse, cut or zero in silence, made fit before it is sent.
//!
//! The limits are those of MLflow 3.17, or of 2.x where they are tighter (DAGsHub): names without
//! colon, tags of 5,000 characters. Cutting is never silent: whoever makes a value is told, and
//! the whole value belongs into an artifact.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ids::{LoggedModelId, MlflowRunId};
use super::lenient;
use crate::hash::sha256;

/// Longest name of a metric, parameter or tag.
const KEY: usize = 250;
/// Longest value of a parameter.
const PARAM_VALUE: usize = 6_000;
/// Longest value of a tag. MLflow 3 takes 8,000, 2.x 5,000.
const TAG_VALUE: usize = 5_000;
/// Longest digest of a data set.
pub const DATASET_DIGEST: usize = 36;
/// Metrics, and everything together, in one request.
const BATCH: usize = 1_000;
/// Parameters, and tags, in one request.
const BATCH_TEXTS: usize = 100;
/// Bytes of one request; the server's limit is 1,000,000.
const BATCH_BYTES: usize = 950_000;

/// How a value differs from what was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A value was cut; the whole one belongs into an artifact.
    Cut {
        /// The name it is sent under.
        key: String,
        /// Its characters before.
        characters: usize,
    },
    /// An infinite metric was clamped to the largest number.
    Clamped {
        /// The name it is sent under.
        key: String,
    },
}

/// A name as the server takes it: letters, digits, `_ - . /` and blanks, at most 250 characters, a
/// normalised relative path. A name that has to change gets a piece of its own hash at the end, so
/// that two different names stay different.
pub fn clean_key(key: &str) -> Cow<'_, str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-. /".contains(c);
    let normal = |text: &str| {
        !text.is_empty()
            && text
                .split('/')
                .all(|part| !part.is_empty() && part != "." && part != "..")
    };
    // Blanks at the ends survive in one store and not in the other.
    let kept = key.len() <= KEY && key.chars().all(allowed) && normal(key) && key.trim() == key;
    if kept {
        return Cow::Borrowed(key);
    }
    let mark = &sha256(key.as_bytes())[..12];
    let plain: String = key
        .chars()
        .map(|c| if allowed(c) { c } else { '_' })
        .collect();
    let mut out = plain
        .split('/')
        .map(str::trim)
        .filter(|part| !part.is_empty() && *part != "." && *part != "..")
        .collect::<Vec<_>>()
        .join("/");
    // Everything is ASCII by now.
    out.truncate(KEY - mark.len() - 1);
    // The cut may have ended in a slash or a blank.
    let out = out.trim_end_matches(['/', ' ']);
    Cow::Owned(if out.is_empty() {
        format!("_-{mark}")
    } else {
        format!("{out}-{mark}")
    })
}

/// A text of at most `limit` characters, with a mark at the end that says how long it was; the
/// number of its characters when it had to be cut.
pub fn cut_text(text: &str, limit: usize) -> (Cow<'_, str>, Option<usize>) {
    // A character has at least one byte.
    if text.len() <= limit {
        return (Cow::Borrowed(text), None);
    }
    let characters = text.chars().count();
    if characters <= limit {
        return (Cow::Borrowed(text), None);
    }
    let mark = format!(" [cut: {characters} characters]");
    let mut out: String = text
        .chars()
        .take(limit.saturating_sub(mark.len()))
        .collect();
    out.push_str(&mark);
    (Cow::Owned(out), Some(characters))
}

/// The part of a hash that fits as the digest of a data set; the whole one belongs into its source.
pub fn dataset_digest(sha256_hex: &str) -> String {
    sha256_hex.chars().take(32).collect()
}

/// Whole milliseconds, never negative: a fraction would zero the rest of the message.
pub fn milliseconds(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis().max(0)
}

/// Whether a text can be an alias: letters, digits, `_` and `-`, not `latest`, not `v1`.
pub fn valid_alias(alias: &str) -> bool {
    let version = alias
        .strip_prefix(['v', 'V'])
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
    !alias.is_empty()
        && alias.len() <= 255
        && alias
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        && !alias.eq_ignore_ascii_case("latest")
        && !version
}

/// A metric's value as it is sent and read: NaN is the string `"NaN"`, infinities are the largest
/// numbers. The server clamps infinities to just that; sending it makes what is read back equal to
/// what was sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MetricValue(f64);

impl MetricValue {
    /// Makes a number fit.
    pub fn new(value: f64) -> Self {
        Self(if value.is_infinite() {
            f64::MAX.copysign(value)
        } else {
            value
        })
    }
    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Serialize for MetricValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_nan() {
            serializer.serialize_str("NaN")
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for MetricValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(f64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(x) => Ok(Self(x)),
            Either::Text(text) => match text.as_str() {
                "NaN" => Ok(Self(f64::NAN)),
                "Infinity" => Ok(Self(f64::INFINITY)),
                "-Infinity" => Ok(Self(f64::NEG_INFINITY)),
                other => other
                    .parse()
                    .map(Self)
                    .map_err(|_| serde::de::Error::custom("a number was expected")),
            },
        }
    }
}

/// A point of a metric. Once queued it never changes: the same key, step and time with another
/// value would stand beside it, not replace it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    key: String,
    value: MetricValue,
    #[serde(deserialize_with = "lenient::whole")]
    timestamp: i64,
    #[serde(default, deserialize_with = "lenient::whole")]
    step: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model_id: Option<LoggedModelId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dataset_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dataset_digest: Option<String>,
}

impl Metric {
    /// A point; the time is when it was measured, not when it is sent.
    pub fn new(key: &str, value: f64, at: DateTime<Utc>, step: i64) -> Self {
        Self {
            key: clean_key(key).into_owned(),
            value: MetricValue::new(value),
            timestamp: milliseconds(at),
            step,
            model_id: None,
            dataset_name: None,
            dataset_digest: None,
        }
    }
    /// Shows the point on a logged model too. Not for servers without logged models.
    #[must_use]
    pub fn of_model(mut self, model: &LoggedModelId) -> Self {
        self.model_id = Some(model.clone());
        self
    }
    /// Says on which data set it was measured. Not for servers without logged models.
    #[must_use]
    pub fn on_dataset(mut self, name: &str, digest: &str) -> Self {
        self.dataset_name = Some(cut_text(name, 500).0.into_owned());
        self.dataset_digest = Some(cut_text(digest, DATASET_DIGEST).0.into_owned());
        self
    }
    /// The name as it is sent.
    pub fn key(&self) -> &str {
        &self.key
    }
    /// The number.
    pub fn value(&self) -> f64 {
        self.value.get()
    }
    /// Milliseconds since 1970.
    pub fn timestamp(&self) -> i64 {
        self.timestamp
    }
    /// The step.
    pub fn step(&self) -> i64 {
        self.step
    }
    /// How it differs from what was given: whether the largest number stands for infinity.
    pub fn change(&self) -> Option<Change> {
        (self.value.get().abs() == f64::MAX).then(|| Change::Clamped {
            key: self.key.clone(),
        })
    }
}

/// A parameter of a run. The server never lets it change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Param {
    key: String,
    #[serde(default)]
    value: String,
}

impl Param {
    /// A parameter, and how it differs from what was given.
    pub fn new(key: &str, value: &str) -> (Self, Option<Change>) {
        let (key, value, change) = fitted(key, value, PARAM_VALUE);
        (Self { key, value }, change)
    }
    /// The name as it is sent.
    pub fn key(&self) -> &str {
        &self.key
    }
    /// The value as it is sent.
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// A tag of a run, a model or a version. The last one written wins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

impl Tag {
    /// A tag, and how it differs from what was given.
    pub fn new(key: &str, value: &str) -> (Self, Option<Change>) {
        let (key, value, change) = fitted(key, value, TAG_VALUE);
        (Self { key, value }, change)
    }
    /// A tag whose value is short by its nature.
    pub fn short(key: &str, value: &str) -> Self {
        Self::new(key, value).0
    }
    /// The name as it is sent.
    pub fn key(&self) -> &str {
        &self.key
    }
    /// The value as it is sent.
    pub fn value(&self) -> &str {
        &self.value
    }
}

fn fitted(key: &str, value: &str, limit: usize) -> (String, String, Option<Change>) {
    let key = clean_key(key).into_owned();
    let (value, characters) = cut_text(value, limit);
    let change = characters.map(|characters| Change::Cut {
        key: key.clone(),
        characters,
    });
    (key, value.into_owned(), change)
}

/// One `runs/log-batch`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogBatch {
    /// The run.
    pub run_id: MlflowRunId,
    /// Metrics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// Parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Param>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// Divides what is to be logged into requests within every limit, in order: parameters, tags and
/// metrics each keep the order they were given in.
pub fn batches(
    run: &MlflowRunId,
    metrics: Vec<Metric>,
    params: Vec<Param>,
    tags: Vec<Tag>,
) -> Vec<LogBatch> {
    let mut filling = Filling {
        run,
        done: Vec::new(),
        batch: empty(run),
        bytes: 0,
    };
    for param in params {
        filling.room(&param, |b| b.params.len() < BATCH_TEXTS);
        filling.batch.params.push(param);
    }
    for tag in tags {
        filling.room(&tag, |b| b.tags.len() < BATCH_TEXTS);
        filling.batch.tags.push(tag);
    }
    for metric in metrics {
        filling.room(&metric, |_| true);
        filling.batch.metrics.push(metric);
    }
    let Filling {
        mut done, batch, ..
    } = filling;
    if count(&batch) > 0 {
        done.push(batch);
    }
    done
}

struct Filling<'a> {
    run: &'a MlflowRunId,
    done: Vec<LogBatch>,
    batch: LogBatch,
    bytes: usize,
}

impl Filling<'_> {
    /// Makes room for one more item: begins a new request when this one is full.
    fn room<T: Serialize>(&mut self, item: &T, fits: impl Fn(&LogBatch) -> bool) {
        let bytes = serde_json::to_vec(item).map_or(0, |json| json.len() + 1);
        let full =
            count(&self.batch) >= BATCH || !fits(&self.batch) || self.bytes + bytes > BATCH_BYTES;
        if full && count(&self.batch) > 0 {
            self.done
                .push(std::mem::replace(&mut self.batch, empty(self.run)));
            self.bytes = 0;
        }
        self.bytes += bytes;
    }
}

fn count(batch: &LogBatch) -> usize {
    batch.metrics.len() + batch.params.len() + batch.tags.len()
}

fn empty(run: &MlflowRunId) -> LogBatch {
    LogBatch {
        run_id: run.clone(),
        metrics: Vec::new(),
        params: Vec::new(),
        tags: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_fit_stay() {
        for key in [
            "f1",
            "test/macro_f1",
            "random_forest/trees",
            "a b.c-d_e",
            "mlflow.runName",
        ] {
            assert_eq!(clean_key(key), key);
        }
    }

    #[test]
    fn names_that_do_not_fit_are_cleaned_and_stay_different() {
        let cleaned = clean_key("det@fpr=0.1%").into_owned();
        assert!(cleaned.starts_with("det_fpr_0.1_-"), "{cleaned}");
        assert_ne!(clean_key("det@fpr=0.1%"), clean_key("det@fpr=0.1$"));
        assert_ne!(clean_key("/a"), clean_key("a"));
        assert!(clean_key("slice/proto:tcp/recall").starts_with("slice/proto_tcp/recall-"));
        assert!(clean_key("../../x").starts_with("x-"));
        assert!(clean_key("").starts_with("_-"));
        let long = "k".repeat(400);
        assert_eq!(clean_key(&long).len(), 250);
        assert_ne!(clean_key(&long), clean_key(&"k".repeat(401)));
    }

    #[test]
    fn a_cut_value_says_so() {
        assert_eq!(cut_text("abc", 3), (Cow::Borrowed("abc"), None));
        let text = "é".repeat(6_001);
        let (param, change) = Param::new("p", &text);
        assert_eq!(param.value().chars().count(), 6_000);
        assert!(param.value().ends_with(" [cut: 6001 characters]"));
        assert_eq!(
            change,
            Some(Change::Cut {
                key: "p".into(),
                characters: 6_001
            })
        );
        assert_eq!(Param::new("p", &"é".repeat(6_000)).1, None);
        assert_eq!(Tag::new("t", &"x".repeat(5_001)).0.value().len(), 5_000);
    }

    #[test]
    fn numbers_that_json_cannot_hold() {
        let json = |x: f64| serde_json::to_string(&MetricValue::new(x)).unwrap();
        assert_eq!(json(f64::NAN), "\"NaN\"");
        assert_eq!(json(f64::INFINITY), "1.7976931348623157e+308");
        assert_eq!(json(f64::NEG_INFINITY), "-1.7976931348623157e+308");
        let at = DateTime::from_timestamp_micros(1_795_352_250_463_999).unwrap();
        let metric = Metric::new("m", f64::INFINITY, at, 3);
        assert_eq!(metric.timestamp(), 1_795_352_250_463);
        assert!(metric.change().is_some());
        let read: Metric =
            serde_json::from_str(r#"{"key":"m","value":"NaN","timestamp":"5","step":0,"x":1}"#)
                .unwrap();
        assert!(read.value().is_nan() && read.timestamp() == 5);
        assert_eq!(milliseconds(DateTime::from_timestamp(-5, 0).unwrap()), 0);
    }

    #[test]
    fn aliases() {
        for (alias, fine) in [
            ("champion", true),
            ("a-b_1", true),
            ("v", true),
            ("v1x", true),
            ("latest", false),
            ("Latest", false),
            ("v1", false),
            ("V22", false),
            ("", false),
            ("a b", false),
            ("ä", false),
        ] {
            assert_eq!(valid_alias(alias), fine, "{alias}");
        }
    }

    fn any_metric() -> impl Strategy<Value = Metric> {
        ("[a-c@ ]{0,4}", any::<f64>(), any::<u8>()).prop_map(|(key, value, step)| {
            Metric::new(&key, value, DateTime::UNIX_EPOCH, i64::from(step))
        })
    }

    proptest! {
        #[test]
        fn every_name_becomes_one_the_server_takes(key in any::<String>()) {
            let cleaned = clean_key(&key).into_owned();
            prop_assert!(!cleaned.is_empty() && cleaned.len() <= KEY);
            prop_assert!(cleaned.chars().all(|c| c.is_ascii_alphanumeric() || "_-. /".contains(c)));
            prop_assert!(cleaned.split('/').all(|p| !p.is_empty() && p != "." && p != ".."));
            let again = clean_key(&cleaned).into_owned();
            prop_assert_eq!(again, cleaned);
        }

        #[test]
        fn different_names_stay_different(a in "[ab/.@: ]{0,6}", b in "[ab/.@: ]{0,6}") {
            prop_assert_eq!(clean_key(&a) == clean_key(&b), a == b);
        }

    }

    proptest! {
        // Thousands of items each: a few cases say enough.
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn batches_lose_nothing_and_keep_every_limit(
            metrics in prop::collection::vec(any_metric(), 0..2_200),
            params in prop::collection::vec("[xé]{0,50}", 0..350),
            tags in prop::collection::vec("[x\"]{0,4000}", 0..250),
        ) {
            let run = MlflowRunId::new("r1").unwrap();
            let params: Vec<Param> = params.iter().enumerate().map(|(i, v)| Param::new(&i.to_string(), v).0).collect();
            let tags: Vec<Tag> = tags.iter().enumerate().map(|(i, v)| Tag::short(&i.to_string(), v)).collect();
            let out = batches(&run, metrics.clone(), params.clone(), tags.clone());
            for b in &out {
                prop_assert!(count(b) > 0 && count(b) <= 1_000);
                prop_assert!(b.metrics.len() <= 1_000 && b.params.len() <= 100 && b.tags.len() <= 100);
                prop_assert!(serde_json::to_vec(b).unwrap().len() <= 1_000_000);
            }
            let text = |m: &Metric| serde_json::to_string(m).unwrap();
            let sent: Vec<String> = out.iter().flat_map(|b| &b.metrics).map(text).collect();
            prop_assert_eq!(sent, metrics.iter().map(text).collect::<Vec<_>>());
            prop_assert_eq!(out.iter().flat_map(|b| b.params.clone()).collect::<Vec<_>>(), params);
            prop_assert_eq!(out.iter().flat_map(|b| b.tags.clone()).collect::<Vec<_>>(), tags);
        }
    }
}
