use std::path::Path;

use polars::prelude::{Column, NamedFrom, ParquetWriter, Series};
use proptest::prelude::*;

use super::*;
use crate::dataset::{Filter, Frame};

/// Writes a frame with row groups and pages so small that every edge is met.
fn write(frame: &Frame, path: &Path, group: usize, page: usize) {
    let mut table = frame.polars().clone();
    table.rechunk_mut();
    let file = std::fs::File::create(path).unwrap();
    ParquetWriter::new(file)
        .with_row_group_size(Some(group))
        .with_data_page_size(Some(page))
        .finish(&mut table)
        .unwrap();
}

fn open(path: &Path) -> Table {
    Table::open(&Place::file(path), &Cancel::new()).unwrap()
}

fn whole(name: &str, values: &[Option<i64>]) -> Column {
    Series::new(name.into(), values).into()
}

fn view(filter: Option<&str>, sort: &[(usize, bool)]) -> View {
    View {
        filter: filter.map(|f| Filter::parse(f).unwrap()),
        sort: sort
            .iter()
            .map(|&(column, descending)| Sort { column, descending })
            .collect(),
        limit: None,
    }
}

/// The texts of a window, row by row.
fn texts(window: &Window) -> Vec<Vec<Option<String>>> {
    (0..window.rows.len())
        .map(|row| {
            (0..window.columns.len())
                .map(|c| window.cell(row, c).text().map(|t| t.into_owned()))
                .collect()
        })
        .collect()
}

/// The rows of a view, found the slow and plain way: on the whole frame.
fn plainly(frame: &Frame, view: &View) -> Vec<usize> {
    let mut rows = match &view.filter {
        Some(filter) => filter.rows(frame).unwrap(),
        None => (0..frame.rows()).collect(),
    };
    // The first column decides first, so it is sorted by last.
    for sort in view.sort.iter().rev() {
        let name = &frame.names()[sort.column];
        let turned = |o: std::cmp::Ordering| if sort.descending { o.reverse() } else { o };
        if frame.is_numeric(name).unwrap() {
            let values = frame.numbers(name).unwrap();
            rows.sort_by(|&a, &b| match (values[a].is_nan(), values[b].is_nan()) {
                (false, false) => turned(values[a].total_cmp(&values[b])),
                (a, b) => a.cmp(&b),
            });
        } else {
            let values = frame.texts(name).unwrap();
            rows.sort_by(|&a, &b| match (&values[a], &values[b]) {
                (Some(a), Some(b)) => turned(a.cmp(b)),
                (a, b) => a.is_none().cmp(&b.is_none()),
            });
        }
    }
    rows
}

fn cells_of(frame: &Frame, rows: &[usize], columns: &[usize]) -> Vec<Vec<Option<String>>> {
    let names = frame.names();
    let held: Vec<Vec<Option<String>>> = columns
        .iter()
        .map(|&c| frame.texts(&names[c]).unwrap())
        .collect();
    rows.iter()
        .map(|&r| held.iter().map(|c| c[r].clone()).collect())
        .collect()
}

fn a_number() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        3 => (-3i32..3).prop_map(|v| Some(f64::from(v))),
        2 => any::<f64>().prop_map(|v| if v.is_nan() { None } else { Some(v) }),
        1 => Just(None),
        1 => Just(Some(f64::NEG_INFINITY)),
        1 => Just(Some(-0.0)),
        1 => Just(Some(f64::NAN)),
    ]
}

fn a_text() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        3 => "[ab]{0,2}".prop_map(Some),
        2 => "(aaaaaaa){0,3}[abc]{0,2}".prop_map(Some),
        1 => ".{0,12}".prop_map(Some),
        1 => Just(Some("a\0".to_owned())),
        1 => Just(None),
    ]
}

fn a_frame() -> impl Strategy<Value = Frame> {
    let row = (
        a_number(),
        a_text(),
        prop::option::of(-2i64..3),
        prop::option::of(any::<bool>()),
        a_text(),
    );
    prop::collection::vec(row, 1..120).prop_map(|rows| {
        Frame::from_columns(vec![
            Frame::number_column("real", rows.iter().map(|r| r.0).collect()),
            Frame::text_column(
                "text",
                &rows.iter().map(|r| r.1.clone()).collect::<Vec<_>>(),
            ),
            whole("whole", &rows.iter().map(|r| r.2).collect::<Vec<_>>()),
            Series::new(
                "number again".into(),
                rows.iter().map(|r| r.0).collect::<Vec<_>>(),
            )
            .into(),
            Frame::text_column(
                "more",
                &rows.iter().map(|r| r.4.clone()).collect::<Vec<_>>(),
            ),
        ])
        .unwrap()
    })
}

fn a_filter() -> impl Strategy<Value = Option<String>> {
    let number = prop_oneof![
        Just("0".to_owned()),
        Just("-1".to_owned()),
        Just("2".to_owned()),
        Just("-inf".to_owned()),
        any::<f64>().prop_map(|v| v.to_string()),
    ];
    let sign = prop_oneof![
        Just("="),
        Just("!="),
        Just("<"),
        Just("<="),
        Just(">"),
        Just(">="),
        Just("~")
    ];
    let leaf = prop_oneof![
        (
            prop_oneof![Just("real"), Just("whole")],
            sign.clone(),
            number
        )
            .prop_map(|(c, s, n)| format!("{c} {s} '{n}'")),
        (prop_oneof![Just("text"), Just("more")], sign, "[ab]{0,3}")
            .prop_map(|(c, s, t)| format!("{c} {s} '{t}'")),
        Just("text in (a, b, ab)".to_owned()),
        Just("whole not in (0, 1)".to_owned()),
        Just("real is missing".to_owned()),
        Just("text is not missing".to_owned()),
    ];
    let leaf = leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|c| format!("not ({c})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a}) or ({b})")),
        ]
    });
    prop::option::of(leaf)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn windows_are_what_the_whole_frame_gives(
        frame in a_frame(),
        filter in a_filter(),
        sort in prop::collection::vec((0usize..5, any::<bool>()), 0..3),
        (group, page) in (1usize..50, 1usize..400),
        columns in prop::collection::vec(0usize..5, 1..4),
        (first, count) in (0u64..130, 0usize..60),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.parquet");
        write(&frame, &path, group, page);
        let cancel = Cancel::new();
        let view = view(filter.as_deref(), &sort);
        let expected = plainly(&frame, &view);
        for table in [open(&path), Table::of_frame("memory", frame.clone()).unwrap()] {
            let selection = table.select(&view, &cancel).unwrap();
            prop_assert_eq!(selection.len(), expected.len() as u64);
            let from = expected.len().min(first as usize);
            let wanted = &expected[from..expected.len().min(from + count)];
            let window = table.window(&selection, first, count, &columns, &cancel).unwrap();
            let numbers: Vec<u64> = wanted.iter().map(|&r| r as u64).collect();
            prop_assert_eq!(&window.rows, &numbers);
            prop_assert_eq!(texts(&window), cells_of(&frame, wanted, &columns));
            // Counting and searching agree with looking at every row.
            let column = columns[0];
            let all = cells_of(&frame, &expected, &[column]);
            let facet = table.facet(&selection, column, &cancel).unwrap();
            let missing = all.iter().filter(|r| r[0].is_none()).count() as u64;
            prop_assert_eq!(facet.missing, missing);
            let counted: u64 = facet.values.iter().map(|v| v.rows).sum();
            prop_assert_eq!(counted + missing, expected.len() as u64);
            for value in &facet.values {
                let text = value.value.text().map(|t| t.into_owned());
                let rows = all.iter().filter(|r| match (&r[0], &text) {
                    // One zero only.
                    (Some(a), Some(b)) => a == b || (a == "-0" && b == "0"),
                    _ => false,
                });
                prop_assert_eq!(rows.count() as u64, value.rows);
            }
            for forward in [true, false] {
                let hit = |row: &Vec<Option<String>>| {
                    row[0].as_ref().is_some_and(|t| t.to_lowercase().contains('a'))
                };
                let expected = if forward {
                    (from..all.len()).find(|&i| hit(&all[i]))
                } else if all.is_empty() {
                    None
                } else {
                    (0..=from.min(all.len() - 1)).rev().find(|&i| hit(&all[i]))
                };
                let found = table
                    .find(&selection, (from as u64, forward), "A", &[column], &cancel)
                    .unwrap();
                prop_assert_eq!(found, expected.map(|i| i as u64));
            }
        }
    }

    #[test]
    fn what_is_exported_reads_back(
        frame in a_frame(),
        filter in a_filter(),
        sort in prop::collection::vec((0usize..5, any::<bool>()), 0..2),
        group in 1usize..50,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.parquet");
        write(&frame, &path, group, 100);
        let table = open(&path);
        let cancel = Cancel::new();
        let selection = table.select(&view(filter.as_deref(), &sort), &cancel).unwrap();
        let columns = [4, 0, 1];
        let rows = selection.len() as usize;
        let expected = table.window(&selection, 0, rows, &columns, &cancel).unwrap();
        for format in Format::EVERY {
            let out = dir.path().join(format!("out.{}", format.extension()));
            let written = table
                .export(&selection, &columns, (&out, format), &cancel, &|_, _| {})
                .unwrap();
            prop_assert_eq!(written, selection.len());
            if format == Format::Parquet {
                let back = open(&out);
                let window = back.window(&back.all(), 0, rows, &[0, 1, 2], &cancel).unwrap();
                prop_assert_eq!(&window.cells, &expected.cells);
            }
            if format == Format::Ndjson {
                let text = std::fs::read_to_string(&out).unwrap();
                prop_assert_eq!(text.lines().count(), rows);
                for (i, line) in text.lines().enumerate() {
                    let value: serde_json::Value = serde_json::from_str(line).unwrap();
                    let held = value["more"].as_str().map(str::to_owned);
                    prop_assert_eq!(held, expected.cell(i, 0).text().map(|t| t.into_owned()));
                }
            }
            if format == Format::Csv {
                let (header, records) = csv_records(&std::fs::read(&out).unwrap());
                prop_assert_eq!(header, ["more", "real", "text"]);
                prop_assert_eq!(records.len(), rows);
                for (i, record) in records.iter().enumerate() {
                    for (c, field) in record.iter().enumerate() {
                        let held = expected.cell(i, c).text().unwrap_or_default().into_owned();
                        prop_assert_eq!(&held, field);
                    }
                }
            }
        }
    }
}

/// Header and records, read by another CSV reader than our own.
fn csv_records(bytes: &[u8]) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv_core::Reader::new();
    let (mut at, mut records) = (0, Vec::new());
    loop {
        let (mut out, mut ends) = (vec![0; bytes.len() + 8], vec![0; 16]);
        let (result, read, written, fields) = reader.read_record(&bytes[at..], &mut out, &mut ends);
        at += read;
        match result {
            csv_core::ReadRecordResult::Record => {
                let mut from = 0;
                let record = ends[..fields].iter().map(|&end| {
                    let field = String::from_utf8(out[from..end].to_vec()).unwrap();
                    from = end;
                    field
                });
                records.push(record.collect::<Vec<String>>());
                assert!(written <= out.len());
            }
            csv_core::ReadRecordResult::InputEmpty => continue,
            csv_core::ReadRecordResult::End => break,
            other => panic!("{other:?}"),
        }
    }
    let header = records.remove(0);
    (header, records)
}

#[test]
fn many_rows_are_sorted_by_dealing_them_out() {
    // Enough for long runs; half of the rows are equal.
    let rows = 200_000usize;
    let mut seed = 1u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        seed >> 33
    };
    let numbers: Vec<Option<f64>> = (0..rows)
        .map(|_| match random() % 4 {
            0 | 1 => Some(0.0),
            2 => None,
            _ => Some(random() as f64 - 1e9),
        })
        .collect();
    // More different texts than are ranked, with a long common beginning.
    let texts: Vec<Option<String>> = (0..rows)
        .map(|_| Some(format!("192.168.0.{}-{}", random() % 3, random() % 100_000)))
        .collect();
    let frame = Frame::from_columns(vec![
        Frame::number_column("n", numbers),
        Frame::text_column("t", &texts),
    ])
    .unwrap();
    let table = Table::of_frame("memory", frame.clone()).unwrap();
    let cancel = Cancel::new();
    for sort in [
        vec![(0, false)],
        vec![(0, true), (1, true)],
        vec![(1, false)],
        vec![(1, true), (0, false)],
    ] {
        let view = view(None, &sort);
        let selection = table.select(&view, &cancel).unwrap();
        let found: Vec<usize> = (0..selection.len())
            .map(|i| selection.position(i).unwrap() as usize)
            .collect();
        assert!(found == plainly(&frame, &view), "{sort:?}");
    }
    let cancelled = Cancel::new();
    cancelled.cancel();
    let view = view(None, &[(0, false)]);
    assert!(matches!(
        table.select(&view, &cancelled),
        Err(BrowseError::Cancelled)
    ));
}

#[test]
fn groups_that_cannot_hold_a_row_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.parquet");
    let frame = Frame::from_columns(vec![
        whole("n", &(0..40).map(Some).collect::<Vec<_>>()),
        Frame::text_column(
            "t",
            &(0..40)
                .map(|i| Some(format!("t{i:02}")))
                .collect::<Vec<_>>(),
        ),
    ])
    .unwrap();
    write(&frame, &path, 10, 1000);
    let file = parquet::ParquetFile::open(&path).unwrap();
    let header = file.header().unwrap();
    let read = |filter: &str| -> Vec<usize> {
        let filter = Filter::parse(filter).unwrap();
        (0..4)
            .filter(|&g| prune::may_match(filter.condition(), &header, &file, g))
            .collect()
    };
    assert_eq!(read("n > 25"), [2, 3]);
    assert_eq!(read("n = 12 or t = t30"), [1, 3]);
    assert_eq!(read("n >= 19 and t < t20"), [1]);
    assert_eq!(read("n in (0, 39)"), [0, 3]);
    assert_eq!(read("n is missing"), [] as [usize; 0]);
    assert_eq!(read("not n > 25"), [0, 1, 2, 3]);
    assert_eq!(read("t ~ 12"), [0, 1, 2, 3]);
}

#[test]
fn a_profile_says_what_is_there() {
    let frame = Frame::from_columns(vec![
        Frame::number_column(
            "bytes",
            vec![
                Some(0.0),
                Some(5.0),
                Some(70.0),
                Some(800.0),
                None,
                Some(1e6),
            ],
        ),
        Frame::text_column(
            "label",
            &["dos", "normal", "normal", "normal", "dos", "dos"].map(Some),
        ),
    ])
    .unwrap();
    let table = Table::of_frame("memory", frame).unwrap();
    let cancel = Cancel::new();
    let selection = table
        .select(&view(Some("bytes > 60"), &[]), &cancel)
        .unwrap();
    let profile = table.profile(&table.all(), 0, &cancel).unwrap();
    assert_eq!(profile.figures.missing, 1);
    let histogram = profile.histogram.unwrap();
    assert!(histogram.log);
    let bars: Vec<(f64, u64)> = histogram.bars.iter().map(|b| (b.low, b.rows)).collect();
    assert_eq!(histogram.bars.iter().map(|b| b.rows).sum::<u64>(), 5);
    assert_eq!(bars[0], (0.0, 1));
    assert_eq!(bars.last(), Some(&(1e6, 1)));
    let profile = table.profile(&selection, 0, &cancel).unwrap();
    let share = |label: &str| {
        let label = Cell::Text(label.to_owned());
        let found = profile.by_label.iter().find(|l| l.label == label).unwrap();
        (found.rows, found.of)
    };
    assert_eq!(share("dos"), (1, 3));
    assert_eq!(share("normal"), (2, 3));
    assert!(
        table
            .profile(&selection, 1, &cancel)
            .unwrap()
            .by_label
            .is_empty()
    );
    assert!(
        table
            .profile(&selection, 1, &cancel)
            .unwrap()
            .histogram
            .is_none()
    );
}

#[test]
fn bars_cover_all_numbers() {
    for values in [
        vec![5.0],
        vec![-1.0, 1.0],
        vec![0.0, 1e300],
        vec![-1e308, 1e308],
        vec![1e-300, 1.0, 1e300],
        vec![0.1, 0.2, 0.30000000000000004],
        vec![9_007_199_254_740_991.0, 9_007_199_254_740_992.0],
    ] {
        let rows = values.len() as u64;
        let frame = Frame::from_columns(vec![Frame::number_column(
            "x",
            values.iter().copied().map(Some).collect(),
        )]);
        let table = Table::of_frame("memory", frame.unwrap()).unwrap();
        let profile = table.profile(&table.all(), 0, &Cancel::new()).unwrap();
        let bars = profile.histogram.unwrap().bars;
        assert_eq!(bars.iter().map(|b| b.rows).sum::<u64>(), rows, "{values:?}");
        assert!(bars.len() <= 14, "{values:?}: {bars:?}");
        assert!(bars.iter().all(|b| b.low <= b.high), "{values:?}: {bars:?}");
    }
}

#[test]
fn no_rows_and_no_text_are_tables_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.parquet");
    let frame = Frame::from_columns(vec![
        Frame::number_column("n", vec![]),
        Frame::text_column::<&str>("t", &[]),
    ])
    .unwrap();
    write(&frame, &path, 10, 100);
    let table = open(&path);
    let cancel = Cancel::new();
    assert_eq!(table.rows(), Some(0));
    assert_eq!(table.columns().len(), 2);
    let selection = table
        .select(&view(Some("n > 1"), &[(1, true)]), &cancel)
        .unwrap();
    assert!(selection.is_empty());
    let window = table.window(&selection, 0, 10, &[0, 1], &cancel).unwrap();
    assert!(window.rows.is_empty());
    assert_eq!(table.facet(&selection, 1, &cancel).unwrap().distinct, 0);
    let profile = table.profile(&table.all(), 0, &cancel).unwrap();
    assert_eq!(profile.histogram, None);
    let out = dir.path().join("out.csv");
    table
        .export(
            &selection,
            &[0, 1],
            (&out, Format::Csv),
            &cancel,
            &|_, _| {},
        )
        .unwrap();
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "n,t\n");
    assert_eq!(
        table
            .find(&selection, (0, true), "x", &[0, 1], &cancel)
            .unwrap(),
        None
    );
}

#[test]
fn huge_cells_and_very_many_columns() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.parquet");
    let cancel = Cancel::new();
    let huge = "\u{1b}[2J\u{202e}x".repeat(120_000);
    let texts: Vec<Option<&str>> = (0..20)
        .map(|i| {
            if i == 13 {
                Some(huge.as_str())
            } else {
                Some("small")
            }
        })
        .collect();
    write(
        &Frame::from_columns(vec![Frame::text_column("t", &texts)]).unwrap(),
        &path,
        100,
        1000,
    );
    let table = open(&path);
    let window = table.window(&table.all(), 12, 3, &[0], &cancel).unwrap();
    assert_eq!(window.cell(1, 0), &Cell::Text(huge.clone()));
    assert_eq!(window.cell(2, 0), &Cell::Text("small".to_owned()));

    let columns: Vec<Column> = (0..10_000)
        .map(|i| Frame::number_column(&format!("c{i}"), vec![Some(f64::from(i)), None]))
        .collect();
    write(&Frame::from_columns(columns).unwrap(), &path, 100, 1000);
    let table = open(&path);
    assert_eq!(table.columns().len(), 10_000);
    let selection = table
        .select(
            &view(Some("c9999 > 9998 and c0 = 0"), &[(5000, true)]),
            &cancel,
        )
        .unwrap();
    let window = table.window(&selection, 0, 9, &[9999, 7], &cancel).unwrap();
    assert_eq!(texts_of(&window), [["9999", "7"]]);
}

#[test]
fn windows_across_stretches_and_groups_are_what_the_frame_holds() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.parquet");
    let rows = 100_000;
    let cells: Vec<Option<String>> = (0..rows)
        .map(|i| (i % 7 != 3).then(|| format!("some text of row {i}")))
        .collect();
    let kinds: Vec<Option<&str>> = (0..rows)
        .map(|i| (i % 11 != 5).then_some(if i % 3 == 0 { "http" } else { "dns" }))
        .collect();
    let frame = Frame::from_columns(vec![
        Frame::text_column("t", &cells),
        Frame::text_column("k", &kinds),
        whole(
            "n",
            &(0..rows)
                .map(|i| (i % 5 != 1).then_some(i * i))
                .collect::<Vec<_>>(),
        ),
        Series::new(
            "b".into(),
            (0..rows)
                .map(|i| (i % 9 != 2).then_some(i % 4 == 0))
                .collect::<Vec<_>>(),
        )
        .into(),
    ])
    .unwrap();
    // Several groups of several pages, with edges that no stretch shares.
    write(&frame, &path, 41_000, 100_000);
    let table = open(&path);
    let (cancel, all) = (Cancel::new(), table.all());
    for first in [0, 16_350, 16_384, 32_700, 40_960, 57_350, 81_990, 99_950] {
        let window = table
            .window(&all, first, 90, &[0, 1, 2, 3], &cancel)
            .unwrap();
        let held: Vec<usize> = (first as usize..rows.min(first as i64 + 90) as usize).collect();
        let mut expected = cells_of(&frame, &held, &[0, 1, 2, 3]);
        for truth in expected.iter_mut().filter_map(|row| row[3].as_mut()) {
            *truth = (truth == "1").to_string();
        }
        assert_eq!(texts(&window), expected, "from row {first}");
    }
    let rare = table
        .select(&view(Some("n < 0 or t ~ \"999\""), &[]), &cancel)
        .unwrap();
    let held = plainly(&frame, &view(Some("n < 0 or t ~ \"999\""), &[]));
    let window = table
        .window(&rare, 0, held.len(), &[0, 2], &cancel)
        .unwrap();
    assert_eq!(texts(&window), cells_of(&frame, &held, &[0, 2]));
}

#[test]
fn every_and_narrows_what_the_ones_before_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.parquet");
    let rows = 3000;
    let kinds: Vec<Option<&str>> = (0..rows)
        .map(|i| (i % 11 != 5).then_some(if i % 3 == 0 { "http" } else { "dns" }))
        .collect();
    let numbers = |by: i64| -> Vec<Option<i64>> {
        (0..rows)
            .map(|i| (i % by != 1).then_some(i % (10 * by)))
            .collect()
    };
    let frame = Frame::from_columns(vec![
        whole("a", &numbers(5)),
        Frame::text_column("k", &kinds),
        whole("c", &numbers(7)),
    ])
    .unwrap();
    write(&frame, &path, 700, 900);
    let (table, cancel) = (open(&path), Cancel::new());
    for filter in [
        "a > 20 and k = http",
        "a > 20 and k = http and c != 3 and a < 40",
        "(a > 20 or c = 3) and (k = dns and not c = 4)",
        "a is missing and k is missing and c >= 0",
        "a > 1000 and k = http",
        "k = ftp and a > 3",
        "a != 7 and a != 8",
    ] {
        let chosen = table.select(&view(Some(filter), &[]), &cancel).unwrap();
        let found: Vec<usize> = (0..chosen.len())
            .map(|i| chosen.position(i).unwrap() as usize)
            .collect();
        assert_eq!(found, plainly(&frame, &view(Some(filter), &[])), "{filter}");
    }
}

fn texts_of(window: &Window) -> Vec<Vec<String>> {
    let known = |row: Vec<Option<String>>| row.into_iter().map(Option::unwrap_or_default).collect();
    texts(window).into_iter().map(known).collect()
}

#[test]
fn a_file_that_changes_is_an_error_and_one_that_goes_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.parquet");
    let cancel = Cancel::new();
    let numbers = |n: usize| {
        let values = (0..n).map(|i| Some(i as f64)).collect();
        Frame::from_columns(vec![Frame::number_column("n", values)]).unwrap()
    };
    write(&numbers(1000), &path, 100, 100);
    let table = open(&path);
    // Replaced by another file: the one that was opened is still read.
    let other = dir.path().join("other.parquet");
    write(&numbers(5), &other, 100, 100);
    std::fs::rename(&other, &path).unwrap();
    let window = table.window(&table.all(), 998, 5, &[0], &cancel).unwrap();
    assert_eq!(texts_of(&window), [["998"], ["999"]]);
    // Cut short in place.
    let table = open(&path);
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(20).unwrap();
    let error = table.window(&table.all(), 0, 5, &[0], &cancel).unwrap_err();
    assert!(matches!(error, BrowseError::Changed(_)), "{error}");
    let error = Table::open(&Place::file(&path), &cancel).unwrap_err();
    assert!(matches!(error, BrowseError::Damaged { .. }), "{error}");
    std::fs::remove_file(&path).unwrap();
    let error = Table::open(&Place::file(&path), &cancel).unwrap_err();
    assert!(error.to_string().contains("there is no file"), "{error}");
}

#[test]
fn damaged_bytes_never_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.parquet");
    let cancel = Cancel::new();
    let frame = Frame::from_columns(vec![
        Frame::number_column("n", (0..300).map(|i| Some(f64::from(i % 7))).collect()),
        Frame::text_column("t", &vec![Some("abc"); 300]),
    ])
    .unwrap();
    write(&frame, &path, 100, 300);
    let bytes = std::fs::read(&path).unwrap();
    std::panic::set_hook(Box::new(|_| {}));
    for at in (0..bytes.len()).step_by(3) {
        let mut bad = bytes.clone();
        bad[at] ^= 0x55;
        std::fs::write(&path, &bad).unwrap();
        let Ok(table) = Table::open(&Place::file(&path), &cancel) else {
            continue;
        };
        let columns: Vec<usize> = (0..table.columns().len()).collect();
        let rows = table.rows().unwrap_or(0).min(1000);
        let _ = table.window(&table.all(), 0, rows as usize, &columns, &cancel);
        let _ = table.select(&view(Some("n > 3 or t = abc"), &[(0, true)]), &cancel);
    }
    let _ = std::panic::take_hook();
}

#[test]
fn an_export_is_whole_or_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let values = (0..300_000).map(|i| Some(f64::from(i))).collect();
    let frame = Frame::from_columns(vec![Frame::number_column("n", values)]).unwrap();
    let table = Table::of_frame("memory", frame).unwrap();
    let out = dir.path().join("out.csv");
    let cancel = Cancel::new();
    let stop = cancel.clone();
    let result = table.export(
        &table.all(),
        &[0],
        (&out, Format::Csv),
        &cancel,
        &move |done, _| {
            if done > 0 {
                stop.cancel();
            }
        },
    );
    assert!(matches!(result, Err(BrowseError::Cancelled)));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let nowhere = dir.path().join("none").join("out.csv");
    let error = table
        .export(
            &table.all(),
            &[0],
            (&nowhere, Format::Csv),
            &Cancel::new(),
            &|_, _| {},
        )
        .unwrap_err();
    assert!(error.to_string().contains("none/out.csv"), "{error}");
}

#[test]
fn cells_of_csv_are_quoted_where_they_would_read_as_something_else() {
    let frame = Frame::from_columns(vec![Frame::text_column(
        "a,\"b\"",
        &[
            Some("x,y"),
            Some("say \"no\""),
            Some("two\nlines"),
            None,
            Some(""),
        ],
    )]);
    let table = Table::of_frame("memory", frame.unwrap()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.csv");
    table
        .export(
            &table.all(),
            &[0],
            (&out, Format::Csv),
            &Cancel::new(),
            &|_, _| {},
        )
        .unwrap();
    assert_eq!(
        std::fs::read_to_string(&out).unwrap(),
        "\"a,\"\"b\"\"\"\n\"x,y\"\n\"say \"\"no\"\"\"\n\"two\nlines\"\n\"\"\n\"\"\n"
    );
}

#[test]
fn places_are_read_from_texts() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("20261122-1200-abcd");
    std::fs::create_dir_all(run.join("data_ingestion")).unwrap();
    let find = |name: &str| (name == "abcd").then(|| (run.clone(), "full".to_owned()));
    assert_eq!(
        Place::parse("mongodb:d.c", find).unwrap().title(),
        "mongodb:d.c"
    );
    assert!(matches!(
        Place::parse("mongodb:d", find),
        Err(BrowseError::BadPlace(_))
    ));
    assert!(matches!(
        Place::parse("nothing", find),
        Err(BrowseError::NotFound(_))
    ));
    assert!(matches!(
        Place::parse("abcd:train", find),
        Err(BrowseError::NotFound(_))
    ));
    let frame = Frame::from_columns(vec![
        Frame::number_column("n", vec![Some(1.0), Some(2.0)]),
        Frame::number_column("__row", vec![Some(7.0), Some(3.0)]),
    ])
    .unwrap();
    for name in ["train", "test"] {
        let path = run.join("data_ingestion").join(format!("{name}.parquet"));
        write(&frame, &path, 100, 100);
    }
    let place = Place::parse("abcd", find).unwrap();
    assert_eq!(place.title(), "run full, train and test");
    let table = Table::open(&place, &Cancel::new()).unwrap();
    assert_eq!(table.rows(), Some(4));
    assert_eq!(table.columns().len(), 1);
    let window = table
        .window(&table.all(), 1, 2, &[0], &Cancel::new())
        .unwrap();
    assert_eq!(window.rows, [3, 7]);
    let row = table.column("__row").unwrap();
    assert_eq!(table.info(row).unwrap().name, "__row");
    assert!(Place::of_run(&run, "full", Part::Quarantine).is_none());
}
