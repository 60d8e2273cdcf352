use super::*;
use std::collections::BTreeSet;

#[test]
fn every_preset_is_sound() {
    for name in PRESETS {
        let Some(schema) = preset(name) else {
            continue;
        };
        let mut spellings = BTreeSet::new();
        for column in &schema.columns {
            for text in std::iter::once(&column.name).chain(&column.aliases) {
                assert!(
                    spellings.insert(text.trim().to_lowercase()),
                    "{name}: `{text}` names two columns"
                );
            }
        }
        for target in target_names(name) {
            let schema = preset_target(name, &target).unwrap();
            let labels: Vec<&ColumnSpec> = schema
                .columns
                .iter()
                .filter(|c| c.role == Role::Label)
                .collect();
            assert_eq!(labels.len(), 1, "{name} {target}");
            assert_eq!(labels[0].name, schema.target.column);
            assert!(schema.target.classes().len() >= 2);
            assert!(schema.features().count() > 5);
        }
        assert!(!schema.oddities.is_empty());
    }
}

#[test]
fn phishing_is_minus_one() {
    let schema = preset("phishing").unwrap();
    assert_eq!(schema.features().count(), 30);
    assert_eq!(schema.target.classes(), ["1", "-1"]);
    assert_eq!(schema.target.class_of("-1"), Some(1));
    assert_eq!(schema.target.class_of("1"), Some(0));
    assert_eq!(schema.target.class_of("0"), None);
    assert!(schema.column("port_no").unwrap().answers_to(" PORT"));
}

#[test]
fn nsl_kdd_has_two_targets() {
    let schema = preset("nsl-kdd").unwrap();
    assert_eq!(schema.features().count(), 41);
    assert_eq!(schema.columns.len(), 43);
    assert!(schema.headerless);
    assert_eq!(schema.target.classes(), ["normal", "attack"]);
    assert_eq!(schema.target.class_of("normal."), Some(0));
    assert_eq!(schema.target.class_of("mscan"), Some(1));
    let five = preset_target("nsl-kdd", "attack_class").unwrap();
    assert_eq!(
        five.target.classes(),
        ["normal", "dos", "probe", "r2l", "u2r"]
    );
    assert_eq!(five.target.class_of("worm"), Some(3));
    assert_eq!(five.target.class_of("httptunnel."), Some(4));
    assert_eq!(five.target.class_of("heartbleed"), None);
}

#[test]
fn unsw_targets_swap_roles() {
    let binary = preset("unsw-nb15").unwrap();
    assert_eq!(binary.features().count(), 42);
    let ten = preset_target("unsw-nb15", "attack_cat").unwrap();
    assert_eq!(ten.target.classes().len(), 10);
    assert_eq!(ten.column("label").unwrap().role, Role::Ignored);
    assert_eq!(ten.column("attack_cat").unwrap().role, Role::Label);
    assert_eq!(ten.features().count(), 42);
}

#[test]
fn cicids_reads_both_spellings() {
    let schema = preset("cicids2017").unwrap();
    for (header, name) in [
        (" Destination Port", "Dst Port"),
        (" Total Backward Packets", "Total Bwd packets"),
        ("Init_Win_bytes_forward", "FWD Init Win Bytes"),
        (" Label", "Label"),
    ] {
        let found = schema.columns.iter().find(|c| c.answers_to(header));
        assert_eq!(found.map(|c| c.name.as_str()), Some(name), "{header}");
    }
    for id in [
        "id",
        "Flow ID",
        "Src IP",
        "Dst IP",
        "Src Port",
        "Timestamp",
        "Attempted Category",
    ] {
        assert_eq!(schema.column(id).unwrap().role, Role::Ignored, "{id}");
    }
    assert_eq!(schema.target.class_of("BENIGN"), Some(0));
    assert_eq!(schema.target.class_of("Web Attack \u{2013} XSS"), Some(1));
}

#[test]
fn an_unknown_target_is_named_with_a_suggestion() {
    let e = preset_target("nsl-kdd", "atack_class").unwrap_err();
    let text = crate::error::CommandError::from(e);
    assert!(text.message.contains("atack_class"), "{text}");
    assert!(text.hints.iter().any(|h| h.contains("`attack_class`")));
}
