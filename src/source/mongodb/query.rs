//! Which documents of which collection, as the driver wants to hear it.
//!
//! Everything in here is decided without a server.

use mongodb::bson::{Bson, Document, doc, oid::ObjectId};

use super::Namespace;
use super::value;
use crate::config::{ArrayPolicy, SourceConfig};
use crate::source::error::SourceError;

/// What is read of a collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The collection.
    pub namespace: Namespace,
    /// Which documents, as a query in (extended) JSON; all when left out.
    pub filter: Option<String>,
    /// Fields to read, nested ones by dots; empty = all.
    pub fields: Vec<String>,
    /// The field that bounds a snapshot instead of `_id`.
    pub time_field: Option<String>,
    /// The bound of an earlier snapshot, to read the same documents again.
    pub until: Option<String>,
    /// What becomes of arrays.
    pub arrays: ArrayPolicy,
    /// At most so many documents.
    pub limit: Option<u64>,
    /// Whether `_id` becomes a column even when no schema names it.
    pub with_id: bool,
}

impl Query {
    /// All documents of a collection.
    pub fn whole(namespace: Namespace) -> Self {
        Self {
            namespace,
            filter: None,
            fields: Vec::new(),
            time_field: None,
            until: None,
            arrays: ArrayPolicy::default(),
            limit: None,
            with_id: false,
        }
    }

    /// What `[source]` says: the collection to train on, and that of given test rows.
    pub fn of(source: &SourceConfig) -> Result<(Self, Option<Self>), SourceError> {
        let named = |key: &str, value: &Option<String>| match value.as_deref().map(str::trim) {
            Some(name) if !name.is_empty() => Ok(name.to_owned()),
            _ => Err(SourceError::Setting(format!(
                "[source] {key} is not set, and kind is mongodb"
            ))),
        };
        let database = named("database", &source.database)?;
        let query = |collection: String| Self {
            namespace: Namespace {
                database: database.clone(),
                collection,
            },
            filter: source.filter.clone(),
            fields: source.fields.clone(),
            time_field: source.time_field.clone(),
            until: source.until.clone(),
            arrays: source.arrays,
            limit: None,
            with_id: false,
        };
        let main = query(named("collection", &source.collection)?);
        let test = match &source.test_collection {
            None => None,
            some => {
                // A bound on `_id` belongs to one collection; one on the time to all.
                let mut test = query(named("test_collection", some)?);
                if test.time_field.is_none() {
                    test.until = None;
                }
                Some(test)
            }
        };
        main.condition()?;
        Ok((main, test))
    }

    /// The collection as it is written on the command line.
    pub fn shown(&self) -> String {
        format!(
            "mongodb:{}",
            crate::text::clean(&self.namespace.to_string())
        )
    }

    /// The filter as a document.
    pub(super) fn condition(&self) -> Result<Document, SourceError> {
        let Some(text) = self.filter.as_deref().filter(|f| !f.trim().is_empty()) else {
            return Ok(Document::new());
        };
        serde_json::from_str(text).map_err(|e| {
            SourceError::Setting(format!(
                "the filter is no query in JSON ({e}): {}",
                crate::text::clean_to(text, 100)
            ))
        })
    }

    /// The fields to send. A field inside another that is asked for too comes with it; naming both
    /// is an error to the server.
    pub(super) fn projection(&self) -> Option<Document> {
        if self.fields.is_empty() {
            return None;
        }
        let inside = |field: &str| {
            self.fields.iter().any(|other| {
                field
                    .strip_prefix(other.as_str())
                    .is_some_and(|rest| rest.starts_with('.'))
            })
        };
        let mut wanted = Document::new();
        for field in self.fields.iter().filter(|f| !inside(f)) {
            wanted.insert(field.clone(), 1);
        }
        wanted.insert("_id", 1);
        Some(wanted)
    }
}

/// Joins conditions that all must hold.
pub(super) fn all_of(mut conditions: Vec<Document>) -> Document {
    conditions.retain(|c| !c.is_empty());
    match conditions.len() {
        0 => Document::new(),
        1 => conditions.remove(0),
        _ => doc! { "$and": conditions },
    }
}

/// The types of values in the order the server sorts them; those in one group are compared with
/// each other.
const TYPES: [&[&str]; 13] = [
    &["minKey"],
    &["null", "undefined"],
    &["int", "long", "double", "decimal"],
    &["string", "symbol"],
    &["object"],
    &["array"],
    &["binData"],
    &["objectId"],
    &["bool"],
    &["date"],
    &["timestamp"],
    &["regex"],
    &["maxKey"],
];

/// The group of a value's type.
pub(super) fn type_group(value: &Bson) -> usize {
    match value {
        Bson::MinKey => 0,
        Bson::Null | Bson::Undefined => 1,
        Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) | Bson::Decimal128(_) => 2,
        Bson::String(_) | Bson::Symbol(_) => 3,
        Bson::Document(_) => 4,
        Bson::Array(_) => 5,
        Bson::Binary(_) => 6,
        Bson::ObjectId(_) => 7,
        Bson::Boolean(_) => 8,
        Bson::DateTime(_) => 9,
        Bson::Timestamp(_) => 10,
        Bson::RegularExpression(_) => 11,
        Bson::MaxKey | Bson::DbPointer(_) => 12,
        Bson::JavaScriptCode(_) | Bson::JavaScriptCodeWithScope(_) => 12,
    }
}

/// The names of the types in one group with a value.
pub(super) fn types_like(value: &Bson) -> Vec<&'static str> {
    TYPES[type_group(value)].to_vec()
}

/// `field` up to `value`. Comparisons of the server see only values of like types; `mixed` adds
/// those of all types that sort before.
pub(super) fn up_to(field: &str, value: &Bson, mixed: bool) -> Document {
    bounded(field, "$lte", value, mixed, &TYPES[..type_group(value)])
}

/// `field` beyond `value`.
pub(super) fn beyond(field: &str, value: &Bson, mixed: bool) -> Document {
    bounded(field, "$gt", value, mixed, &TYPES[type_group(value) + 1..])
}

fn bounded(field: &str, operator: &str, value: &Bson, mixed: bool, others: &[&[&str]]) -> Document {
    let near = doc! { field: { operator: value.clone() } };
    let others: Vec<&str> = others
        .iter()
        .flat_map(|group| group.iter().copied())
        .collect();
    if !mixed || others.is_empty() {
        return near;
    }
    doc! { "$or": [near, { field: { "$type": others } }] }
}

/// A bound as text: an ObjectId as its digits, a date as ISO 8601, anything else as JSON.
pub(super) fn bound_text(value: &Bson) -> String {
    match value {
        Bson::ObjectId(id) => id.to_hex(),
        Bson::DateTime(at) => {
            value::date_text(at.timestamp_millis()).unwrap_or_else(|| json(value))
        }
        other => json(other),
    }
}

fn json(value: &Bson) -> String {
    // Any BSON value serialises.
    serde_json::to_string(value).unwrap_or_default()
}

/// Reads a bound back. A text that is none of these is a bound among texts.
pub(super) fn parse_bound(text: &str) -> Bson {
    let text = text.trim();
    if text.len() == 24
        && let Ok(id) = ObjectId::parse_str(text)
    {
        return Bson::ObjectId(id);
    }
    if let Ok(value) = serde_json::from_str(text) {
        return value;
    }
    if let Ok(at) = chrono::DateTime::parse_from_rfc3339(text) {
        return Bson::DateTime(mongodb::bson::DateTime::from_millis(at.timestamp_millis()));
    }
    Bson::String(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{DateTime, Decimal128, Timestamp};
    use proptest::prelude::*;

    fn query() -> Query {
        Query::whole(Namespace::parse("traffic.flows").unwrap())
    }

    #[test]
    fn filters_are_extended_json() {
        let with = |text: &str| {
            let mut query = query();
            query.filter = Some(text.to_owned());
            query.condition()
        };
        let id = "65f0c0ffee00000000000001";
        assert_eq!(
            with(&format!(
                r#"{{"proto": "tcp", "_id": {{"$gt": {{"$oid": "{id}"}}}}, "n": {{"$gte": 5}}}}"#
            ))
            .unwrap(),
            doc! {
                "proto": "tcp", "_id": { "$gt": ObjectId::parse_str(id).unwrap() },
                "n": { "$gte": 5 }
            }
        );
        assert_eq!(with("  ").unwrap(), Document::new());
        let error = with("{proto: 1}").unwrap_err().to_string();
        assert!(error.contains("{proto: 1}"), "{error}");
        assert!(with("[1]").is_err());
    }

    #[test]
    fn a_projection_names_no_field_twice() {
        let mut query = query();
        assert_eq!(query.projection(), None);
        query.fields = ["a", "a.b", "ab", "c.d"].map(str::to_owned).to_vec();
        assert_eq!(
            query.projection(),
            Some(doc! { "a": 1, "ab": 1, "c.d": 1, "_id": 1 })
        );
    }

    #[test]
    fn bounds_cover_other_types_when_ids_are_mixed() {
        let id = Bson::String("x".into());
        assert_eq!(up_to("_id", &id, false), doc! { "_id": { "$lte": "x" } });
        assert_eq!(
            up_to("_id", &id, true),
            doc! { "$or": [
                { "_id": { "$lte": "x" } },
                { "_id": { "$type": ["minKey", "null", "undefined", "int", "long", "double", "decimal"] } }
            ] }
        );
        assert_eq!(
            beyond(
                "_id",
                &Bson::Timestamp(Timestamp {
                    time: 1,
                    increment: 1
                }),
                true
            )
            .get_array("$or")
            .unwrap()[1],
            Bson::Document(doc! { "_id": { "$type": ["regex", "maxKey"] } })
        );
        assert_eq!(
            all_of(vec![doc! {}, doc! { "a": 1 }, doc! { "b": 1 }]),
            doc! { "$and": [{ "a": 1 }, { "b": 1 }] }
        );
        assert_eq!(all_of(vec![doc! {}]), doc! {});
    }

    #[test]
    fn the_test_collection_has_a_bound_of_its_own() {
        let mut source = SourceConfig {
            database: Some("d".into()),
            collection: Some("train".into()),
            test_collection: Some("test".into()),
            until: Some("5".into()),
            ..SourceConfig::default()
        };
        let (main, test) = Query::of(&source).unwrap();
        assert_eq!(main.until.as_deref(), Some("5"));
        assert_eq!(test.unwrap().until, None);
        source.time_field = Some("at".into());
        assert!(Query::of(&source).unwrap().1.unwrap().until.is_some());
        source.collection = None;
        assert!(Query::of(&source).is_err());
    }

    #[test]
    fn bounds_read_back() {
        for value in [
            Bson::ObjectId(ObjectId::from_bytes(*b"0123456789ab")),
            Bson::DateTime(DateTime::from_millis(1_700_000_000_123)),
            Bson::DateTime(DateTime::from_millis(i64::MAX)),
            Bson::Int32(5),
            Bson::Double(0.5),
            Bson::String("2026-11-22T12:00:00Z".into()),
            Bson::String("65f0c0ffee00000000000001".into()),
            Bson::Decimal128("1.5".parse::<Decimal128>().unwrap()),
            Bson::Document(doc! { "host": "a", "n": 1 }),
            Bson::Boolean(true),
        ] {
            assert_eq!(parse_bound(&bound_text(&value)), value);
        }
        assert_eq!(parse_bound("host-7"), Bson::String("host-7".into()));
    }

    proptest! {
        #[test]
        fn texts_and_numbers_read_back(text in "\\PC{0,30}", number in any::<i64>()) {
            let text = Bson::String(text);
            prop_assert_eq!(parse_bound(&bound_text(&text)), text);
            // Which type of whole numbers it is makes no difference to the server.
            let back = match parse_bound(&bound_text(&Bson::Int64(number))) {
                Bson::Int32(v) => i64::from(v),
                Bson::Int64(v) => v,
                other => panic!("{other}"),
            };
            prop_assert_eq!(back, number);
        }
    }
}
