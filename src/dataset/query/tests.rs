use proptest::prelude::*;

use super::*;
use crate::dataset::Frame;

fn frame() -> Frame {
    Frame::from_columns(vec![
        Frame::number_column(
            "src_bytes",
            vec![Some(0.0), Some(1500.0), None, Some(f64::INFINITY)],
        ),
        Frame::text_column(
            "service",
            &[Some("http"), Some("ftp_data"), None, Some("HTTP_443")],
        ),
        Frame::number_column("Flow Bytes/s", vec![Some(-1.5), None, Some(2.0), Some(3.0)]),
    ])
    .unwrap()
}

fn rows(filter: &str) -> Vec<usize> {
    Filter::parse(filter).unwrap().rows(&frame()).unwrap()
}

#[test]
fn comparisons() {
    assert_eq!(rows("src_bytes = 0"), [0]);
    assert_eq!(rows("src_bytes == 0.0"), [0]);
    assert_eq!(rows("src_bytes != 0"), [1, 3]);
    assert_eq!(rows("src_bytes > 1000"), [1, 3]);
    assert_eq!(rows("src_bytes<=1500"), [0, 1]);
    assert_eq!(rows("src_bytes = inf"), [3]);
    assert_eq!(rows("service = http"), [0]);
    assert_eq!(rows("service ~ http"), [0, 3]);
    assert_eq!(rows("src_bytes ~ 5"), [1]);
    assert_eq!(rows("service in (http, 'ftp_data')"), [0, 1]);
    assert_eq!(rows("src_bytes in (0, 1500.0)"), [0, 1]);
    assert_eq!(rows("service not in (http)"), [1, 2, 3]);
    assert_eq!(rows("service is missing"), [2]);
    assert_eq!(rows("src_bytes is not missing"), [0, 1, 3]);
    assert_eq!(rows("\"Flow Bytes/s\" < 0"), [0]);
    assert_eq!(rows("SERVICE = ftp_data"), [1]);
}

#[test]
fn truth_values_are_compared_by_their_names_or_as_numbers() {
    use polars::prelude::{NamedFrom, Series};
    let truth: Vec<Option<bool>> = vec![Some(true), Some(false), None];
    let frame = Frame::from_columns(vec![Series::new("up".into(), truth).into()]).unwrap();
    for (filter, expected) in [
        ("up = true", vec![0]),
        ("up = 1", vec![0]),
        ("up != TRUE", vec![1]),
        ("up in (false)", vec![1]),
        ("up is missing", vec![2]),
    ] {
        let rows = Filter::parse(filter).unwrap().rows(&frame).unwrap();
        assert_eq!(rows, expected, "{filter}");
    }
    assert!(Filter::parse("up = yes").unwrap().mask(&frame).is_err());
}

#[test]
fn joins_and_precedence() {
    assert_eq!(
        rows("service = http or service ~ ftp and src_bytes > 9999"),
        [0]
    );
    assert_eq!(
        rows("(service = http or service ~ ftp) and src_bytes > 9"),
        [1]
    );
    assert_eq!(
        rows("not service = http and not service is missing"),
        [1, 3]
    );
    assert_eq!(rows("NOT (src_bytes > 0 OR service = http)"), [2]);
}

#[test]
fn errors_name_the_place_and_what_to_do() {
    for (text, position, hint) in [
        ("", 0, None),
        ("src_bytes >", 11, None),
        ("src_bytes 5", 10, Some("followed by")),
        ("src_bytes > 5 service = http", 14, Some("and")),
        ("(src_bytes > 5", 14, Some(")")),
        ("src_bytes > 5)", 13, Some("(")),
        ("src_bytes = 'x", 12, Some("'")),
        ("src_bytes is 5", 13, Some("missing")),
        ("service in http", 11, Some("in (a, b)")),
        ("service in (http ftp)", 17, Some("commas")),
        ("a = 1 && b = 2", 6, Some("`and`")),
        ("service like http", 8, Some("~")),
        ("and = 1", 0, Some("Quote")),
        ("! service = http", 0, Some("not")),
    ] {
        let e = Filter::parse(text).unwrap_err();
        assert_eq!(e.position, position, "{text}: {e}");
        if let Some(hint) = hint {
            let suggestion = e.suggestion.clone().unwrap_or_default();
            assert!(suggestion.contains(hint), "{text}: {suggestion}");
        }
    }
    let e = Filter::parse("src_bytes > 1 and servce = x")
        .unwrap()
        .mask(&frame())
        .unwrap_err();
    assert_eq!(e.position, 18);
    assert!(e.suggestion.unwrap().contains("`service`"));
    let e = Filter::parse("src_bytes > many")
        .unwrap()
        .mask(&frame())
        .unwrap_err();
    assert_eq!(e.position, 12);
}

#[test]
fn the_pointer_stands_below_the_place() {
    let e = Filter::parse("é = 1 oder x = 2").unwrap_err();
    assert_eq!(e.pointer(), "é = 1 oder x = 2\n      ^");
}

#[test]
fn deep_nesting_is_an_error() {
    let text = format!("{}a = 1{}", "(".repeat(5000), ")".repeat(5000));
    assert!(Filter::parse(&text).is_err());
    let text = format!("{} a = 1", "not ".repeat(3000));
    assert!(Filter::parse(&text).is_err());
}

#[test]
fn a_negated_and_an_empty_word_are_written_so_that_they_parse_back() {
    let word = |text: &str| Word {
        text: text.to_owned(),
        position: 0,
    };
    let condition = Condition::And(
        Box::new(Condition::Not(Box::new(Condition::Missing {
            column: word("&"),
        }))),
        Box::new(Condition::Compare {
            column: word(""),
            comparison: Comparison::Equal,
            value: word(""),
        }),
    );
    let parsed = Filter::parse(&condition.to_string()).unwrap();
    assert_eq!(parsed.condition(), &condition);
}

fn word() -> impl Strategy<Value = Word> {
    ".{0,6}".prop_map(|text| Word { text, position: 0 })
}

fn condition() -> impl Strategy<Value = Condition> {
    let comparison = prop_oneof![
        Just(Comparison::Equal),
        Just(Comparison::NotEqual),
        Just(Comparison::LessOrEqual),
        Just(Comparison::Greater),
        Just(Comparison::Contains),
    ];
    let leaf = prop_oneof![
        (word(), comparison, word()).prop_map(|(column, comparison, value)| Condition::Compare {
            column,
            comparison,
            value
        }),
        (word(), prop::collection::vec(word(), 1..4))
            .prop_map(|(column, values)| Condition::In { column, values }),
        word().prop_map(|column| Condition::Missing { column }),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|c| Condition::Not(Box::new(c))),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| Condition::And(Box::new(a), Box::new(b))),
            (inner.clone(), inner).prop_map(|(a, b)| Condition::Or(Box::new(a), Box::new(b))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_parses_back(condition in condition()) {
        let text = condition.to_string();
        let parsed = Filter::parse(&text).unwrap();
        prop_assert_eq!(parsed.condition(), &condition);
    }

    #[test]
    fn no_text_panics(text in ".{0,60}") {
        if let Ok(filter) = Filter::parse(&text) {
            let _ = filter.mask(&frame());
        }
    }
}
