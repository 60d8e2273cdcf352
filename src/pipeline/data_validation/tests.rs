use super::*;
use crate::config::{Severity, ValidationConfig};
use crate::dataset::Frame;
use crate::events::CheckVerdict;
use crate::schema::{ColumnKind, ColumnSpec, Role, Schema, preset};

fn schema() -> Schema {
    let mut schema = preset("phishing").unwrap();
    schema.columns = vec![
        ColumnSpec {
            min: Some(0.0),
            max: Some(10.0),
            ..ColumnSpec::feature("n", ColumnKind::Integer)
        },
        ColumnSpec {
            values: Some(vec!["tcp".into(), "udp".into()]),
            ..ColumnSpec::feature("proto", ColumnKind::Category)
        },
        ColumnSpec::feature("r", ColumnKind::Real),
        ColumnSpec {
            role: Role::Label,
            ..ColumnSpec::feature("Result", ColumnKind::Integer)
        },
    ];
    schema
}

/// 60 sound rows.
fn columns() -> [Vec<Option<f64>>; 3] {
    let numbers = |f: &dyn Fn(u32) -> f64| (0..60).map(|i| Some(f(i))).collect();
    [
        numbers(&|i| f64::from(i % 11)),
        numbers(&|i| f64::from(i) * 0.5),
        numbers(&|i| if i * 7 % 5 < 2 { 1.0 } else { -1.0 }),
    ]
}

fn frame(n: &[Option<f64>], r: &[Option<f64>], label: &[Option<f64>]) -> Frame {
    let proto: Vec<Option<&str>> = (0..n.len()).map(|i| Some(["tcp", "udp"][i % 2])).collect();
    Frame::from_columns(vec![
        Frame::number_column("n", n.to_vec()),
        Frame::text_column("proto", &proto),
        Frame::number_column("r", r.to_vec()),
        Frame::number_column("Result", label.to_vec()),
        Frame::number_column(
            "__row",
            (0..n.len()).map(|i| Some(i as f64 + 100.0)).collect(),
        ),
    ])
    .unwrap()
}

fn check(frame: &Frame) -> ValidationReport {
    check_table(frame, &schema(), &ValidationConfig::default())
}

fn one<'a>(report: &'a ValidationReport, id: &str, column: Option<&str>) -> &'a CheckResult {
    report
        .checks
        .iter()
        .find(|c| c.id == id && c.column.as_deref() == column)
        .unwrap_or_else(|| panic!("no {id} for {column:?}: {report:#?}"))
}

#[test]
fn a_sound_table_passes_every_rule() {
    let [n, r, label] = columns();
    let report = check(&frame(&n, &r, &label));
    assert_eq!(report.verdict, CheckVerdict::Ok, "{report:#?}");
    assert_eq!((report.rows, report.columns), (60, 4));
    // Rows that cannot be read are reported apart.
    assert_eq!(report.checks.len(), Rule::ALL.len() - 1);
}

#[test]
fn every_rule_finds_its_fault() {
    let [mut n, mut r, mut label] = columns();
    n[3] = Some(11.0);
    n[4] = Some(0.5);
    r[5] = Some(f64::NEG_INFINITY);
    for value in r.iter_mut().take(40).skip(20) {
        *value = None;
    }
    label[7] = Some(9.0);
    label[8] = None;
    let report = check(&frame(&n, &r, &label));
    assert_eq!(report.verdict, CheckVerdict::Warn);
    let range = one(&report, "ranges", Some("n"));
    assert_eq!((range.failing_rows, range.examples[0].row), (1, 103));
    assert_eq!(range.limit, Figure::Text("0 to 10".into()));
    assert_eq!(one(&report, "types", Some("n")).verdict, CheckVerdict::Warn);
    assert_eq!(one(&report, "infinities", Some("r")).failing_rows, 1);
    let nulls = one(&report, "nulls", Some("r"));
    assert_eq!(
        (nulls.failing_rows, nulls.verdict),
        (20, CheckVerdict::Warn)
    );
    assert_eq!(nulls.observed, Figure::Number(20.0 / 60.0));
    let label: Vec<&CheckResult> = report
        .checks
        .iter()
        .filter(|c| c.id == "label_classes")
        .collect();
    assert_eq!(label.len(), 2);
    assert!(label.iter().all(|c| c.verdict == CheckVerdict::Warn));
    assert_eq!(label[0].text, "1 row has no label");
}

#[test]
fn missing_and_mistyped_columns_stop() {
    let [n, _, label] = columns();
    let text: Vec<Option<&str>> = (0..60)
        .map(|i| Some(if i == 9 { "x" } else { "1" }))
        .collect();
    let frame = Frame::from_columns(vec![
        Frame::number_column("n", n),
        Frame::text_column("r", &text),
        Frame::number_column("Result", label),
    ])
    .unwrap();
    let report = check(&frame);
    assert_eq!(
        one(&report, "missing_columns", Some("proto")).verdict,
        CheckVerdict::Fail
    );
    let types = one(&report, "types", Some("r"));
    assert_eq!((types.verdict, types.failing_rows), (CheckVerdict::Fail, 1));
    assert_eq!(types.examples[0].value.as_deref(), Some("x"));
}

#[test]
fn a_label_with_one_class_stops_and_the_configuration_can_say_else() {
    let [n, r, _] = columns();
    let frame = frame(&n, &r, &[Some(1.0); 60]);
    let report = check(&frame);
    assert_eq!(
        one(&report, "label_classes", Some("Result")).verdict,
        CheckVerdict::Fail
    );
    let e = refusal(&report);
    assert_eq!(e.kind.exit_code(), 4);
    assert!(e.message.contains("every row is of the class"), "{e}");
    let mut config = ValidationConfig::default();
    config
        .severity
        .insert("label_classes".into(), Severity::Off);
    config
        .severity
        .insert("rare_classes".into(), Severity::Stop);
    let report = check_table(&frame, &schema(), &config);
    assert!(report.checks.iter().all(|c| c.id != "label_classes"));
    assert_eq!(
        one(&report, "rare_classes", Some("Result")).verdict,
        CheckVerdict::Fail
    );
}

#[test]
fn constants_categories_duplicates_conflicts_and_leaks_are_found() {
    let label: Vec<Option<f64>> = (0..200)
        .map(|i| Some(if i % 3 == 0 { 1.0 } else { -1.0 }))
        .collect();
    let proto = vec![Some("sctp"); 200];
    let mut copy = label.clone();
    copy[2] = copy[0];
    let frame = Frame::from_columns(vec![
        Frame::number_column("n", vec![Some(4.0); 200]),
        Frame::text_column("proto", &proto),
        Frame::number_column("r", copy),
        Frame::number_column("Result", label),
    ])
    .unwrap();
    let report = check(&frame);
    assert_eq!(report.verdict, CheckVerdict::Warn);
    assert!(
        one(&report, "constants", Some("n"))
            .text
            .contains("always `4`")
    );
    let categories = one(&report, "categories", Some("proto"));
    assert!(categories.text.contains("`sctp` (200 rows)"));
    // Rows (r, Result): (1, 1), (-1, -1) and the one changed row (1, -1).
    assert_eq!(one(&report, "duplicates", None).failing_rows, 197);
    let conflicts = one(&report, "label_conflicts", None);
    assert_eq!(conflicts.observed, Figure::Number(1.0));
    assert_eq!(conflicts.failing_rows, 68);
    assert_eq!(
        one(&report, "leakage", Some("r")).verdict,
        CheckVerdict::Warn
    );
}

#[test]
fn rows_shared_by_train_and_test_are_counted() {
    let [n, r, label] = columns();
    let all = frame(&n, &r, &label);
    let train = all.take(&(0..40).collect::<Vec<_>>()).unwrap();
    let test = all.take(&(35..60).collect::<Vec<_>>()).unwrap();
    let found = check_split(&train, &test, &schema(), &ValidationConfig::default());
    assert_eq!(
        (found[0].failing_rows, found[0].verdict),
        (5, CheckVerdict::Warn)
    );
    assert_eq!(found[0].examples[0].row, 135);
    let test = all.take(&(40..60).collect::<Vec<_>>()).unwrap();
    let found = check_split(&train, &test, &schema(), &ValidationConfig::default());
    assert_eq!(found[0].verdict, CheckVerdict::Ok);
}

#[test]
fn an_empty_table_is_refused_not_a_crash() {
    let report = check(&frame(&[], &[], &[]));
    assert_eq!(report.verdict, CheckVerdict::Fail);
    let report = check_table(&Frame::default(), &schema(), &ValidationConfig::default());
    assert_eq!(report.with(CheckVerdict::Fail).count(), 4);
}

#[test]
fn the_report_has_the_shape_others_read() {
    let [n, r, label] = columns();
    let json = serde_json::to_value(check(&frame(&n, &r, &label))).unwrap();
    for key in ["rows", "columns", "checks", "verdict"] {
        assert!(json.get(key).is_some(), "{key}");
    }
    for key in [
        "id",
        "column",
        "severity",
        "observed",
        "limit",
        "failing_rows",
        "examples",
        "verdict",
    ] {
        assert!(json["checks"][0].get(key).is_some(), "{key}");
    }
    assert_eq!(json["verdict"], "ok");
}
