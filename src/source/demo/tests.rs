//! The demo's data: seeded, and with the faults it promises.

use super::*;
use crate::dataset::digest_frame;
use crate::learners::FitControl;
use crate::source::{Ingested, ReadOptions, read_file};

fn read(path: &Path) -> Ingested {
    read_file(
        path,
        &schema(),
        &ReadOptions::default(),
        &|_, _| {},
        &FitControl::new(),
    )
    .unwrap()
}

fn share(read: &Ingested, column: &str, value: &str) -> f64 {
    let texts = read.frame.texts(column).unwrap();
    let hits = texts.iter().filter(|t| t.as_deref() == Some(value)).count();
    hits as f64 / texts.len() as f64
}

fn median(read: &Ingested, column: &str) -> f64 {
    let mut values = read.frame.numbers(column).unwrap();
    values.retain(|v| !v.is_nan());
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn a_seed_gives_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = |seed| {
        let batches = write_batches(dir.path(), 3000, seed).unwrap();
        (
            std::fs::read(batches.older).unwrap(),
            std::fs::read(batches.newer).unwrap(),
        )
    };
    let one = bytes(1);
    assert_eq!(one, bytes(1));
    assert_ne!(one.0, bytes(2).0);
}

#[test]
fn the_batches_have_what_they_promise() {
    let dir = tempfile::tempdir().unwrap();
    let batches = write_batches(dir.path(), 20_000, 42).unwrap();
    assert_eq!(batches.rows, (10_000, 10_000));
    let (older, newer) = (read(&batches.older), read(&batches.newer));
    for batch in [&older, &newer] {
        assert_eq!(batch.rows, 10_000);
        assert_eq!(batch.quarantine.len(), 4, "{:?}", batch.quarantine);
        let names = batch.frame.names();
        let values = &names[..names.len() - 1];
        let rows = crate::dataset::row_digests(&batch.frame, values).unwrap();
        let distinct: std::collections::HashSet<_> = rows.iter().collect();
        let repeated = 1.0 - distinct.len() as f64 / rows.len() as f64;
        assert!((0.015..0.025).contains(&repeated), "{repeated}");
        let missing: u32 = values
            .iter()
            .map(|c| batch.frame.column(c).unwrap().null_count() as u32)
            .sum();
        let missing = f64::from(missing) / (rows.len() * values.len()) as f64;
        assert!((0.004..0.012).contains(&missing), "{missing}");
    }
    assert!((0.70..0.77).contains(&share(&older, "attack", "normal")));
    assert!((0.012..0.028).contains(&share(&older, "attack", "r2l")));
    assert!((0.002..0.009).contains(&share(&older, "attack", "u2r")));
    assert!(share(&newer, "attack", "normal") < share(&older, "attack", "normal") - 0.05);
    assert_eq!(share(&older, "service", "quic"), 0.0);
    assert!(share(&newer, "service", "quic") > 0.03);
    assert!(median(&newer, "ttl") < median(&older, "ttl") - 3.0);
    assert!(median(&newer, "connections_2s") > median(&older, "connections_2s"));
    assert_ne!(
        digest_frame(&older.frame).unwrap().digest,
        digest_frame(&newer.frame).unwrap().digest
    );
}

#[test]
fn few_rows_still_make_two_batches() {
    let dir = tempfile::tempdir().unwrap();
    let batches = write_batches(dir.path(), 10, 1).unwrap();
    assert_eq!(batches.rows, (500, 500));
    let read = read(&batches.newer);
    assert_eq!((read.rows, read.quarantine.len()), (500, 3));
}

#[test]
fn the_schema_fits_the_values() {
    let dir = tempfile::tempdir().unwrap();
    let batches = write_batches(dir.path(), 4000, 7).unwrap();
    for path in [&batches.older, &batches.newer] {
        let read = read(path);
        for column in &schema().columns {
            if let Some(values) = &column.values {
                for text in read.frame.texts(&column.name).unwrap().iter().flatten() {
                    assert!(values.contains(text), "{}: {text}", column.name);
                }
            }
            if column.kind.is_numeric() {
                for v in read.frame.numbers(&column.name).unwrap() {
                    let low = column.min.is_some_and(|min| v < min);
                    let high = column.max.is_some_and(|max| v > max);
                    assert!(!low && !high, "{}: {v}", column.name);
                }
            }
        }
    }
    assert_eq!(threat().class_of("normal"), Some(0));
    assert_eq!(threat().class_of("u2r"), Some(1));
}
