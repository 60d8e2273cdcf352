//! Documents into tables, without a server.

use std::collections::BTreeMap;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{
    Binary, Bson, DateTime, Document, JavaScriptCodeWithScope, RawDocumentBuf, Regex, Timestamp,
    doc, spec::BinarySubtype,
};
use proptest::prelude::*;

use super::document::{Fields, Walker};
use crate::config::ArrayPolicy;
use crate::dataset::{QuarantinedRow, RawTable, digest_frame, number_text};
use crate::schema::{ClassMapping, ColumnKind, ColumnSpec, Role, Schema, Target};
use crate::source::raw::Raw;
use crate::source::report::{CoercionKind, CoercionReport};
use crate::source::rows::RowConsumer;
use crate::source::typed::{Part, Typed};
use crate::source::{ReadOptions, load_table};

fn schema(columns: &[(&str, ColumnKind)]) -> Schema {
    let mut columns: Vec<ColumnSpec> = columns
        .iter()
        .map(|(name, kind)| ColumnSpec {
            optional: true,
            ..ColumnSpec::feature(name, *kind)
        })
        .collect();
    columns.push(ColumnSpec {
        role: Role::Label,
        ..ColumnSpec::feature("label", ColumnKind::Category)
    });
    Schema {
        name: "s".to_owned(),
        columns,
        target: Target {
            name: "label".to_owned(),
            column: "label".to_owned(),
            mapping: ClassMapping::Identity { order: Vec::new() },
        },
        headerless: false,
        null_texts: vec!["na".to_owned(), "?".to_owned()],
        oddities: Vec::new(),
    }
}

fn bytes(document: &Document) -> Vec<u8> {
    RawDocumentBuf::try_from(document).unwrap().into_bytes()
}

fn walk(documents: &[Vec<u8>], fields: &mut Fields, consumer: &mut dyn RowConsumer) {
    let mut walker = Walker::new(fields);
    for (row, document) in documents.iter().enumerate() {
        walker.document(document, row as u64 + 1, consumer).unwrap();
    }
}

fn collected(documents: &[Vec<u8>], schema: &Schema, arrays: ArrayPolicy) -> Part {
    let mut typed = Typed::new("mongodb:d.c".into(), schema, false).of_documents(0, 0);
    let mut fields = Fields::new(Some(schema), arrays, false, Vec::new());
    walk(documents, &mut fields, &mut typed);
    let part = typed.into_part().unwrap();
    let kept = part.frame.rows() + part.quarantine.len();
    assert_eq!(part.next_row, kept as u64);
    assert_eq!(kept, documents.len());
    part
}

fn raw(documents: &[Vec<u8>]) -> RawTable {
    let mut raw = Raw::new(None);
    let mut fields = Fields::new(None, ArrayPolicy::Refuse, false, Vec::new());
    walk(documents, &mut fields, &mut raw);
    raw.finish()
}

/// One value in a column of a kind: the cell, or why it cannot be read, and the changes counted.
fn one(
    value: impl Into<Bson>,
    kind: ColumnKind,
) -> (Result<Option<String>, String>, Vec<CoercionKind>) {
    let id = ObjectId::from_bytes(*b"0123456789ab");
    let document = doc! { "_id": id, "x": value.into(), "label": "a" };
    let part = collected(
        &[bytes(&document)],
        &schema(&[("x", kind)]),
        ArrayPolicy::Refuse,
    );
    for change in &part.coercions.columns {
        assert_eq!(change.id.as_deref(), Some(id.to_hex().as_str()));
        assert_eq!((change.column.as_str(), change.cells), ("x", 1));
    }
    let kinds = part.coercions.columns.iter().map(|c| c.kind).collect();
    match part.quarantine.first() {
        Some(row) => {
            assert_eq!(row.id.as_deref(), Some(id.to_hex().as_str()));
            (Err(row.reason.clone()), kinds)
        }
        None => (Ok(part.frame.texts("x").unwrap()[0].clone()), kinds),
    }
}

#[test]
fn every_type_in_a_column_of_numbers() {
    use CoercionKind::*;
    let read = |value: Bson| one(value, ColumnKind::Integer);
    let number = |text: &str, kinds: &[CoercionKind]| (Ok(Some(text.to_owned())), kinds.to_vec());
    let missing = |kinds: &[CoercionKind]| (Ok(None), kinds.to_vec());
    assert_eq!(read(Bson::Int32(-7)), number("-7", &[]));
    assert_eq!(read(Bson::Int64(1 << 40)), number("1099511627776", &[]));
    assert_eq!(
        read(Bson::Int64((1 << 53) + 1)),
        number("9007199254740992", &[Rounded])
    );
    assert_eq!(read(Bson::Double(3.0)), number("3", &[]));
    assert_eq!(read(Bson::Double(2.5)), number("2.5", &[Fraction]));
    assert_eq!(read(Bson::Double(f64::NAN)), missing(&[NotANumber]));
    assert_eq!(
        read(Bson::Double(f64::NEG_INFINITY)),
        number("-inf", &[Infinity])
    );
    assert_eq!(read("41".into()), number("41", &[TextNumber]));
    assert_eq!(read(" 4 ".into()), number("4", &[Trimmed, TextNumber]));
    assert_eq!(read("na".into()), missing(&[NullText]));
    assert_eq!(read("".into()), missing(&[]));
    assert_eq!(read(Bson::Symbol("5".into())), number("5", &[TextNumber]));
    assert_eq!(read(Bson::Null), missing(&[]));
    assert_eq!(read(Bson::Undefined), missing(&[]));
    assert_eq!(read(Bson::Boolean(true)), number("1", &[TruthValue]));
    assert_eq!(
        read(Bson::Decimal128("1.50".parse().unwrap())),
        number("1.5", &[Fraction, Decimal])
    );
    assert_eq!(
        read(Bson::Decimal128("NaN".parse().unwrap())),
        missing(&[NotANumber, Decimal])
    );
    for (value, reason) in [
        (
            Bson::String("tcp".into()),
            "column `x`: `tcp` is not a number",
        ),
        (
            Bson::DateTime(DateTime::from_millis(0)),
            "column `x`: `1970-01-01T00:00:00Z` is not a number",
        ),
        (
            Bson::DateTime(DateTime::MAX),
            "column `x` holds a date beyond the calendar",
        ),
        (Bson::MinKey, "column `x` holds MinKey"),
        (Bson::MaxKey, "column `x` holds MaxKey"),
        (
            Bson::Timestamp(Timestamp {
                time: 1,
                increment: 2,
            }),
            "column `x` holds an internal timestamp of MongoDB",
        ),
        (
            Bson::RegularExpression(Regex {
                pattern: "a".try_into().unwrap(),
                options: "i".try_into().unwrap(),
            }),
            "column `x` holds a regular expression",
        ),
        (
            Bson::Binary(Binary {
                subtype: BinarySubtype::Generic,
                bytes: vec![1, 2],
            }),
            "column `x` holds binary data",
        ),
        (
            Bson::JavaScriptCode("x()".into()),
            "column `x` holds JavaScript code",
        ),
        (
            Bson::JavaScriptCodeWithScope(JavaScriptCodeWithScope {
                code: "x".into(),
                scope: doc! { "a": 1 },
            }),
            "column `x` holds JavaScript code",
        ),
        (
            Bson::Array(vec![Bson::Int32(1)]),
            "column `x` holds an array",
        ),
        (
            Bson::Document(doc! { "y": 1 }),
            "column `x` holds a document",
        ),
        (Bson::Document(doc! {}), "column `x` holds a document"),
    ] {
        assert_eq!(read(value).0, Err(reason.to_owned()));
    }
}

#[test]
fn every_type_in_a_column_of_texts() {
    use CoercionKind::*;
    let read = |value: Bson| one(value, ColumnKind::Text);
    let text = |text: &str, kinds: &[CoercionKind]| (Ok(Some(text.to_owned())), kinds.to_vec());
    assert_eq!(read("tcp".into()), text("tcp", &[]));
    assert_eq!(read(Bson::Int32(80)), text("80", &[NumberText]));
    assert_eq!(
        read(Bson::Int64((1 << 53) + 1)),
        text("9007199254740993", &[NumberText])
    );
    assert_eq!(read(Bson::Double(0.5)), text("0.5", &[NumberText]));
    assert_eq!(read(Bson::Boolean(false)), text("false", &[]));
    assert_eq!(
        read(Bson::DateTime(DateTime::from_millis(1_500))),
        text("1970-01-01T00:00:01.500Z", &[Date])
    );
    assert_eq!(
        read(Bson::ObjectId(ObjectId::from_bytes([0xab; 12]))),
        text("abababababababababababab", &[Identifier])
    );
    assert_eq!(
        read(Bson::Binary(Binary {
            subtype: BinarySubtype::Uuid,
            bytes: vec![0x11; 16]
        })),
        text("11111111-1111-1111-1111-111111111111", &[Identifier])
    );
    assert_eq!(
        read(Bson::Decimal128("1.50".parse().unwrap())),
        text("1.50", &[Decimal])
    );
    assert_eq!(read("?".into()), (Ok(None), vec![NullText]));
}

#[test]
fn nested_documents_become_columns_with_dots() {
    let documents = [
        doc! { "_id": 1, "src": { "ip": "a", "geo": { "cc": "de" } }, "n": 1 },
        doc! { "_id": 2, "n": 2, "src": { "geo": { "cc": "fr" }, "port": 80 } },
        doc! { "_id": 3, "src": {} },
    ];
    let table = raw(&documents.each_ref().map(bytes));
    assert_eq!(table.names, ["src.ip", "src.geo.cc", "n", "src.port"]);
    let some = |t: &str| Some(t.to_owned());
    assert_eq!(table.columns[0], [some("a"), None, None]);
    assert_eq!(table.columns[1], [some("de"), some("fr"), None]);
    assert_eq!(table.columns[2], [some("1"), some("2"), None]);
    assert_eq!(table.columns[3], [None, some("80"), None]);
}

#[test]
fn a_name_with_a_dot_and_a_nested_one_are_one_column_but_not_in_one_document() {
    let documents = [
        doc! { "_id": 1, "a.b": 1, "label": "x" },
        doc! { "_id": 2, "a": { "b": 2 }, "label": "x" },
        doc! { "_id": 3, "a": { "b": 2 }, "a.b": 3, "label": "x" },
    ];
    let part = collected(
        &documents.each_ref().map(bytes),
        &schema(&[("a.b", ColumnKind::Integer)]),
        ArrayPolicy::Refuse,
    );
    assert_eq!(part.frame.numbers("a.b").unwrap(), [1.0, 2.0]);
    assert_eq!(part.quarantine[0].id.as_deref(), Some("3"));
    assert_eq!(
        part.quarantine[0].reason,
        "the field `a.b` stands more than once"
    );
}

#[test]
fn arrays_are_refused_where_they_are_wanted_or_kept_as_text() {
    let documents = [
        doc! { "_id": 1, "tags": ["a", 1, { "k": Bson::Null }], "label": "x" },
        doc! { "_id": 2, "other": [1], "label": "x" },
    ];
    let documents = documents.each_ref().map(bytes);
    let schema = schema(&[("tags", ColumnKind::Text)]);
    let part = collected(&documents, &schema, ArrayPolicy::Refuse);
    // An array in a field that is not read harms nobody.
    assert_eq!(part.frame.rows(), 1);
    assert_eq!(part.quarantine[0].reason, "column `tags` holds an array");
    let part = collected(&documents, &schema, ArrayPolicy::Text);
    assert_eq!(
        part.frame.texts("tags").unwrap(),
        [Some(r#"["a",1,{"k":null}]"#.to_owned()), None]
    );
    assert_eq!(part.coercions.cells(CoercionKind::JsonText), 1);
}

#[test]
fn the_id_is_a_column_only_when_it_is_asked_for() {
    let documents = [bytes(&doc! { "_id": "h1", "x": 1, "label": "a" })];
    assert_eq!(raw(&documents).names, ["x", "label"]);
    let part = collected(
        &documents,
        &schema(&[("_id", ColumnKind::Text)]),
        ArrayPolicy::Refuse,
    );
    assert_eq!(part.frame.texts("_id").unwrap(), [Some("h1".to_owned())]);
    let mut raw = Raw::new(None);
    let mut fields = Fields::new(None, ArrayPolicy::Refuse, true, Vec::new());
    walk(&documents, &mut fields, &mut raw);
    assert_eq!(raw.finish().names, ["_id", "x", "label"]);
}

#[test]
fn the_first_example_of_a_change_and_its_id_are_told() {
    let documents = [
        doc! { "_id": 1, "x": 1, "label": "a" },
        doc! { "_id": 2, "x": "7", "label": "a" },
        doc! { "_id": 3, "x": "8", "label": "a" },
    ];
    let part = collected(
        &documents.each_ref().map(bytes),
        &schema(&[("x", ColumnKind::Integer)]),
        ArrayPolicy::Refuse,
    );
    let change = &part.coercions.columns[0];
    assert_eq!(change.cells, 2);
    assert_eq!(
        (change.example.as_str(), change.id.as_deref()),
        ("7", Some("2"))
    );
}

#[test]
fn the_same_rows_give_the_same_table_as_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.csv");
    std::fs::write(
        &path,
        "a,s,label\n1,tcp,x\n2.5,,y\n,udp,x\n-3,?,y\nInfinity,icmp,x\n",
    )
    .unwrap();
    let schema = schema(&[("a", ColumnKind::Real), ("s", ColumnKind::Category)]);
    let file = load_table(&path, Some(&schema), &ReadOptions::default()).unwrap();
    let documents = [
        doc! { "_id": 1, "a": 1, "s": "tcp", "label": "x" },
        doc! { "_id": 2, "a": 2.5, "label": "y" },
        doc! { "_id": 3, "s": "udp", "label": "x", "a": Bson::Null },
        doc! { "_id": 4, "a": -3_i64, "s": "?", "label": "y" },
        doc! { "_id": 5, "a": f64::INFINITY, "s": "icmp", "label": "x" },
    ];
    let part = collected(
        &documents.each_ref().map(bytes),
        &schema,
        ArrayPolicy::Refuse,
    );
    assert_eq!(
        digest_frame(&part.frame).unwrap(),
        digest_frame(&file.frame).unwrap()
    );
    assert!(part.frame.polars().equals_missing(file.frame.polars()));
    let of = |report: &CoercionReport| -> Vec<_> {
        report.columns.iter().map(|c| (c.kind, c.cells)).collect()
    };
    assert_eq!(of(&part.coercions), of(&file.coercions));
}

/// A leaf and its text as a table shows it.
fn leaf() -> impl Strategy<Value = (Bson, Option<String>)> {
    prop_oneof![
        any::<i32>().prop_map(|v| (Bson::Int32(v), Some(v.to_string()))),
        any::<i64>().prop_map(|v| (Bson::Int64(v), Some(v.to_string()))),
        proptest::num::f64::NORMAL.prop_map(|v| (Bson::Double(v), Some(number_text(v)))),
        "[a-z]{1,20}".prop_map(|v| (Bson::String(v.clone()), Some(v))),
        any::<bool>().prop_map(|v| (Bson::Boolean(v), Some(v.to_string()))),
        any::<[u8; 12]>().prop_map(|v| {
            let id = ObjectId::from_bytes(v);
            (Bson::ObjectId(id), Some(id.to_hex()))
        }),
        Just((Bson::Null, None)),
    ]
}

/// A document of up to two levels, and its leaves by their dotted names.
fn document() -> impl Strategy<Value = (Document, BTreeMap<String, Option<String>>)> {
    let level = || proptest::collection::btree_map("[a-f]", leaf(), 0..6);
    (level(), level(), "[g-j]", any::<bool>()).prop_map(|(top, inner, name, first)| {
        let mut leaves = BTreeMap::new();
        let mut nested = Document::new();
        for (key, (value, text)) in inner {
            leaves.insert(format!("{name}.{key}"), text);
            nested.insert(key, value);
        }
        let mut document = doc! { "_id": 1 };
        if first {
            document.insert(name.clone(), nested.clone());
        }
        for (key, (value, text)) in top {
            leaves.insert(key.clone(), text);
            document.insert(key, value);
        }
        if !first {
            document.insert(name, nested);
        }
        (document, leaves)
    })
}

proptest! {
    #[test]
    fn any_documents_in_any_order_of_fields(
        documents in proptest::collection::vec(document(), 1..12)
    ) {
        let encoded: Vec<Vec<u8>> = documents.iter().map(|(d, _)| bytes(d)).collect();
        let table = raw(&encoded);
        for (row, (_, leaves)) in documents.iter().enumerate() {
            for (name, column) in table.names.iter().zip(&table.columns) {
                let expected = leaves.get(name).cloned().flatten();
                prop_assert_eq!(&column[row], &expected, "{}", name);
            }
            for name in leaves.keys() {
                prop_assert!(table.names.contains(name));
            }
        }
    }

    #[test]
    fn damaged_documents_are_rows_or_quarantine(
        documents in proptest::collection::vec(document(), 1..6),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut encoded: Vec<Vec<u8>> = documents.iter().map(|(d, _)| bytes(d)).collect();
        let victim = cut.index(encoded.len());
        for (at, byte) in damage {
            let at = at.index(encoded[victim].len());
            encoded[victim][at] = byte;
        }
        let schema = schema(&[("a", ColumnKind::Integer), ("b", ColumnKind::Text)]);
        for arrays in [ArrayPolicy::Refuse, ArrayPolicy::Text] {
            // `collected` checks that every document is a row or in quarantine.
            let part = collected(&encoded, &schema, arrays);
            let sound = |row: &&QuarantinedRow| row.reason.is_empty();
            prop_assert!(part.quarantine.iter().find(sound).is_none());
        }
    }

    #[test]
    fn cut_off_documents_go_to_quarantine(document in document(), at in any::<prop::sample::Index>()) {
        let mut encoded = bytes(&document.0);
        encoded.truncate(at.index(encoded.len()));
        let part = collected(&[encoded], &schema(&[]), ArrayPolicy::Refuse);
        prop_assert_eq!(part.quarantine.len(), 1);
    }
}
