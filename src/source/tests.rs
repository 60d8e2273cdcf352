//! Reading files: formats, dirt, real data.

use std::io::Write;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::dataset::{Frame, ROW_COLUMN, digest_frame, write_frame};
use crate::error::{CommandError, ErrorKind};
use crate::learners::{FitControl, StopRequest};
use crate::schema::{ClassMapping, ColumnKind, ColumnSpec, Role, Schema, Target, preset};

/// The shared data, or `None` after saying that the test is skipped.
fn shared(test: &str) -> Option<PathBuf> {
    let root = std::env::var_os("NETSEC_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    if root.join("data").is_dir() {
        return Some(root.join("data"));
    }
    println!("skipped: needs ../shared ({test})");
    None
}

fn schema() -> Schema {
    let mut label = ColumnSpec::feature("label", ColumnKind::Category);
    label.role = Role::Label;
    Schema {
        name: "small".to_owned(),
        columns: vec![
            ColumnSpec::feature("bytes", ColumnKind::Integer),
            ColumnSpec::feature("rate", ColumnKind::Real),
            ColumnSpec::feature("service", ColumnKind::Category),
            label,
        ],
        target: Target {
            name: "label".to_owned(),
            column: "label".to_owned(),
            mapping: ClassMapping::Identity { order: Vec::new() },
        },
        headerless: false,
        null_texts: vec!["?".to_owned()],
        oddities: Vec::new(),
    }
}

fn quiet(_: u64, _: Option<u64>) {}

fn read(path: &Path, schema: &Schema) -> Result<Ingested, SourceError> {
    let read = read_file(
        path,
        schema,
        &ReadOptions::default(),
        &quiet,
        &FitControl::new(),
    )?;
    assert_eq!(
        read.rows,
        read.frame.rows() as u64 + read.quarantine.len() as u64
    );
    Ok(read)
}

/// Writes bytes under a name and reads them.
fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

fn read_bytes(name: &str, bytes: &[u8]) -> Result<Ingested, SourceError> {
    let (_dir, path) = file(name, bytes);
    read(&path, &schema())
}

fn failing(name: &str, bytes: &[u8]) -> CommandError {
    read_bytes(name, bytes).unwrap_err().into()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

const SMALL: &str = "bytes,rate,service,label\n1,0.5,http,normal\n2,,dns,dos\n";

#[test]
fn headers_line_ends_and_packing_are_detected() {
    let want = digest_frame(&read_bytes("a.csv", SMALL.as_bytes()).unwrap().frame).unwrap();
    let crlf = SMALL.replace('\n', "\r\n");
    let cr = SMALL.replace('\n', "\r");
    let bom = format!("\u{feff}{SMALL}");
    let no_end = SMALL.trim_end();
    let utf16: Vec<u8> = bom.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let headerless = SMALL.split_once('\n').unwrap().1;
    let semicolons = SMALL.replace(',', ";");
    for (name, bytes, summary) in [
        ("a.csv", SMALL.as_bytes(), "CSV, comma, header, UTF-8, LF"),
        ("a.csv", crlf.as_bytes(), "CSV, comma, header, UTF-8, CRLF"),
        ("a.csv", cr.as_bytes(), "CSV, comma, header, UTF-8, CR"),
        (
            "a.csv",
            bom.as_bytes(),
            "CSV, comma, header, UTF-8 with BOM, LF",
        ),
        ("a.csv", no_end.as_bytes(), "CSV, comma, header, UTF-8, LF"),
        ("a.csv", &utf16, "CSV, comma, header, UTF-16, LF"),
        (
            "a.csv",
            headerless.as_bytes(),
            "CSV, comma, no header, UTF-8, LF",
        ),
        (
            "a.csv",
            semicolons.as_bytes(),
            "CSV, semicolon, header, UTF-8, LF",
        ),
        // The bytes decide, not the name.
        (
            "a.csv",
            &gzip(SMALL.as_bytes()),
            "CSV, gzip, comma, header, UTF-8, LF",
        ),
        (
            "a.gz",
            &zst(SMALL.as_bytes()),
            "CSV, zstd, comma, header, UTF-8, LF",
        ),
        (
            "a.csv.gz",
            SMALL.as_bytes(),
            "CSV, comma, header, UTF-8, LF",
        ),
    ] {
        let read = read_bytes(name, bytes).unwrap_or_else(|e| panic!("{summary}: {e}"));
        assert_eq!(read.detected.summary(), summary);
        assert_eq!(digest_frame(&read.frame).unwrap(), want, "{summary}");
    }
}

#[test]
fn formats_agree() {
    let csv = "bytes,rate,service,label\n1,0.5,http,normal.\n2,,443,dos\n-0,1e3,,u2r\n";
    let ndjson = concat!(
        "{\"rate\":0.5,\"bytes\":1,\"service\":\"http\",\"label\":\"normal\"}\n\n",
        "{\"bytes\":2.0,\"service\":443,\"label\":\"dos\",\"rate\":null}\r\n",
        "{\"bytes\":0,\"rate\":1000,\"label\":\"u2r\"}"
    );
    let a = read_bytes("a.csv", csv.as_bytes()).unwrap();
    let b = read_bytes("a.ndjson", ndjson.as_bytes()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.parquet");
    write_frame(&a.frame, &path).unwrap();
    let c = read(&path, &schema()).unwrap();
    let packed = dir.path().join("b");
    std::fs::write(&packed, zst(&std::fs::read(&path).unwrap())).unwrap();
    let d = read(&packed, &schema()).unwrap();
    for other in [&b, &c, &d] {
        assert_eq!(
            digest_frame(&a.frame).unwrap(),
            digest_frame(&other.frame).unwrap(),
            "{}",
            other.detected.summary()
        );
    }
    assert_eq!(d.detected.summary(), "Parquet, zstd");
    assert_eq!(a.coercions.cells(CoercionKind::TrailingDot), 1);
    assert_eq!(
        b.frame.names(),
        ["bytes", "rate", "service", "label", ROW_COLUMN]
    );
    assert_eq!(b.frame.numbers(ROW_COLUMN).unwrap(), [0.0, 1.0, 2.0]);
}

#[test]
fn unreadable_rows_are_set_aside_with_line_and_reason() {
    let text = b"bytes,rate,service,label\n1,2,a,x\n1,2,a\nabc,2,a,x\n\n1,2,\x81\x9d,x\n1,2,a,\n3,Infinity,\x96 b,y\n1,2,a,x,9\n?,NaN, c ,y\n";
    let read = read_bytes("a.csv", text).unwrap();
    let found: Vec<(u64, u64, &str)> = read
        .quarantine
        .iter()
        .map(|q| (q.row, q.line, q.reason.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (1, 3, "3 fields, expected 4"),
            (2, 4, "column `bytes`: `abc` is not a number"),
            (
                3,
                6,
                "column `service` holds bytes that are neither UTF-8 nor Windows-1252"
            ),
            (4, 7, "the label `label` is missing"),
            (6, 9, "5 fields, expected 4"),
        ]
    );
    assert_eq!(read.frame.numbers(ROW_COLUMN).unwrap(), [0.0, 5.0, 7.0]);
    assert_eq!(read.frame.numbers("rate").unwrap()[1], f64::INFINITY);
    assert!(read.frame.numbers("rate").unwrap()[2].is_nan());
    let services = read.frame.texts("service").unwrap();
    assert_eq!(services[1].as_deref(), Some("\u{2013} b"));
    assert_eq!(services[2].as_deref(), Some("c"));
    for kind in [
        CoercionKind::Infinity,
        CoercionKind::NotANumber,
        CoercionKind::NullText,
        CoercionKind::Trimmed,
        CoercionKind::Windows1252,
    ] {
        assert_eq!(read.coercions.cells(kind), 1, "{kind:?}");
    }
    assert_eq!(read.detected.encoding, TextEncoding::Windows1252);
}

#[test]
fn whole_numbers_are_coerced_and_counted() {
    let text = "bytes,rate,service,label\n1.0,1.0,a,x\n1.5,2,a,y\n9007199254740993,2,a,y\n";
    let read = read_bytes("a.csv", text.as_bytes()).unwrap();
    assert_eq!(read.coercions.columns.len(), 3);
    let whole = &read.coercions.columns[0];
    assert_eq!(
        (
            whole.column.as_str(),
            whole.kind,
            whole.cells,
            whole.example.as_str()
        ),
        ("bytes", CoercionKind::WholeNumber, 1, "1.0")
    );
    assert_eq!(read.coercions.cells(CoercionKind::Fraction), 1);
    assert_eq!(read.coercions.cells(CoercionKind::Rounded), 1);
    assert_eq!(read.frame.numbers("bytes").unwrap()[1], 1.5);
}

#[test]
fn bad_files_are_clear_data_errors() {
    let big: String = (0..20_000)
        .map(|i| format!("{i},{i}.5,s{i},dos\n"))
        .collect();
    let csv = format!("bytes,rate,service,label\n{big}");
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    let dir = tempfile::tempdir().unwrap();
    let parquet = dir.path().join("x.parquet");
    write_frame(
        &read_bytes("a.csv", csv.as_bytes()).unwrap().frame,
        &parquet,
    )
    .unwrap();
    for (name, bytes, text) in [
        ("a.csv", b"".to_vec(), "is empty"),
        ("a.csv", b"\n \r\n".to_vec(), "is empty"),
        (
            "a.csv",
            b"bytes,rate,service,label\n".to_vec(),
            "a header of 4 columns and no rows",
        ),
        (
            "a.csv",
            (0..=255u8).cycle().take(9000).collect(),
            "it holds zero bytes",
        ),
        (
            "a.csv.gz",
            cut(gzip(csv.as_bytes())),
            "gzip data ends too early",
        ),
        (
            "a.csv.zst",
            cut(zst(csv.as_bytes())),
            "zstd data ends too early",
        ),
        (
            "x.parquet",
            cut(std::fs::read(&parquet).unwrap()),
            "Parquet data is broken",
        ),
        ("x.parquet", b"PAR1".to_vec(), "Parquet data is broken"),
        ("a.parquet", b"a,b\n1,2\n".to_vec(), "named Parquet"),
        ("a.csv", b"\x1f\x8b".to_vec(), "gzip data ends too early"),
        ("a.ndjson", b"[1,2]\n[3]\n".to_vec(), "none of the 2 rows"),
        (
            "a.xlsx",
            b"PK\x03\x04\x14\x00\x06\x00\x08".to_vec(),
            "zip archive",
        ),
    ] {
        let error = failing(name, &bytes);
        assert_eq!(error.kind, ErrorKind::Data, "{name}: {error}");
        assert!(error.message.contains(text), "{name}: {error}");
        assert!(!error.hints.is_empty(), "{name}: {error}");
    }
    let error = CommandError::from(read(dir.path(), &schema()).unwrap_err());
    assert!(error.message.contains("is a directory"), "{error}");
    let error = CommandError::from(read(&dir.path().join("no"), &schema()).unwrap_err());
    assert!(error.message.contains("there is no file"), "{error}");
}

#[test]
fn missing_columns_are_named_with_what_is_there() {
    let error = failing("a.csv", b"bytes,rte,label\n1,2,x\n");
    assert!(
        error
            .message
            .contains("lacks 2 columns of the schema: `rate`, `service`; it has `bytes`, `rte`"),
        "{error}"
    );
    assert!(
        error.hints[0].contains("If `rte` is `rate`"),
        "{:?}",
        error.hints
    );
    let error = failing("a.ndjson", b"{\"bytes\":1}\n{\"rate\":1}\n");
    assert!(error.message.contains("`service`, `label`"), "{error}");
    let error = failing("a.csv", b"1,2,x\n1,2,x\n");
    assert!(error.message.contains("no header and 3 columns"), "{error}");
}

#[test]
fn json_lines_that_are_no_rows_are_set_aside() {
    let text = concat!(
        "{\"bytes\":1,\"rate\":2,\"service\":\"a\",\"label\":\"x\"}\n",
        "[1]\n",
        "{\"bytes\":1,\n",
        "{\"bytes\":{\"a\":1},\"label\":\"x\"}\n",
        "{\"bytes\":true,\"label\":\"y\",\"other\":[1]}\n"
    );
    let read = read_bytes("a.jsonl", text.as_bytes()).unwrap();
    let reasons: Vec<&str> = read.quarantine.iter().map(|q| q.reason.as_str()).collect();
    assert_eq!(reasons[0], "not a JSON object");
    assert!(reasons[1].starts_with("not JSON: "), "{}", reasons[1]);
    assert_eq!(reasons[2], "column `bytes` holds an object");
    assert_eq!(read.frame.rows(), 2);
    assert_eq!(read.detected.columns.unused, ["other"]);
    assert_eq!(read.coercions.cells(CoercionKind::TruthValue), 1);
}

#[test]
fn ten_thousand_columns() {
    let mut columns: Vec<ColumnSpec> = (0..10_000)
        .map(|i| ColumnSpec::feature(&format!("c{i}"), ColumnKind::Real))
        .collect();
    columns.push(schema().columns[3].clone());
    let wide = Schema {
        columns,
        ..schema()
    };
    let header: Vec<String> = wide.columns.iter().map(|c| c.name.clone()).collect();
    let row = |label: &str| format!("{}{label}\n", "1.25,".repeat(10_000));
    let text = format!("{}\n{}{}", header.join(","), row("a"), row("b"));
    let (_dir, path) = file("wide.csv", text.as_bytes());
    let read = read(&path, &wide).unwrap();
    assert_eq!((read.frame.rows(), read.frame.names().len()), (2, 10_002));
    let loaded = load_table(&path, None, &ReadOptions::default()).unwrap();
    assert_eq!(loaded.frame.numbers("c9999").unwrap(), [1.25, 1.25]);
}

#[test]
fn tables_without_a_schema_and_without_a_label() {
    let (_dir, path) = file("a.csv", b"a,b,c,A\n1,x,,5\nNaN,2,,6\n,inf,,y\n");
    let table = load_table(&path, None, &ReadOptions::default()).unwrap();
    assert_eq!(table.frame.names(), ["a", "b", "c", "A", ROW_COLUMN]);
    assert!(table.frame.is_numeric("a").unwrap() && table.frame.is_numeric("c").unwrap());
    assert!(!table.frame.is_numeric("b").unwrap() && !table.frame.is_numeric("A").unwrap());

    let (_dir, path) = file("p.csv", b"bytes,rate,service\n1,2,a\n3,4,b\n");
    let options = ReadOptions::default();
    let table = load_table(&path, Some(&schema()), &options).unwrap();
    assert_eq!(
        table.frame.names(),
        ["bytes", "rate", "service", ROW_COLUMN]
    );
    let strict = ReadOptions {
        require_label: true,
        ..options
    };
    assert!(load_table(&path, Some(&schema()), &strict).is_err());
    // An empty label is no reason to leave a row out of a prediction.
    let (_dir, path) = file("q.csv", b"bytes,rate,service,label\n1,2,a,\n");
    let table = load_table(&path, Some(&schema()), &options).unwrap();
    assert_eq!(table.frame.texts("label").unwrap(), [None]);
}

#[test]
fn raw_tables_keep_text_and_stop_early() {
    let (_dir, path) = file("a.csv", b"x , x,\n 1,,a\n2,b,c\n3,d,e\n");
    let (raw, detected) = read_raw(&path, &ReadOptions::default(), Some(2)).unwrap();
    assert_eq!(raw.names, ["x", "x.1", "column_3"]);
    assert_eq!(
        raw.columns[0],
        [Some(" 1".to_owned()), Some("2".to_owned())]
    );
    assert_eq!(raw.columns[1], [None, Some("b".to_owned())]);
    assert_eq!(detected.header, Some(true));
    let forced = ReadOptions {
        header: Some(false),
        delimiter: Some(','),
        ..ReadOptions::default()
    };
    let (raw, _) = read_raw(&path, &forced, None).unwrap();
    assert_eq!((raw.rows(), raw.names[0].as_str()), (4, "column_1"));
    let (_dir, path) = file(
        "a.ndjson",
        b"{\"b\":12345678901234567890}\n{\"a\":[1],\"b\":null}\n",
    );
    let (raw, _) = read_raw(&path, &ReadOptions::default(), None).unwrap();
    assert_eq!(raw.names, ["b", "a"]);
    assert_eq!(raw.columns[0][0].as_deref(), Some("12345678901234567890"));
    assert_eq!(raw.columns[1], [None, Some("(a list)".to_owned())]);
}

#[test]
fn reading_can_be_cancelled_and_reports_progress() {
    let text = format!("bytes,rate,service,label\n{}", "1,2,a,x\n".repeat(10_000));
    let (_dir, path) = file("a.csv", text.as_bytes());
    let control = FitControl::new();
    let seen = std::cell::RefCell::new(Vec::new());
    let progress = |rows: u64, of: Option<u64>| {
        seen.borrow_mut().push((rows, of));
    };
    let options = ReadOptions::default();
    read_file(&path, &schema(), &options, &progress, &control).unwrap();
    assert_eq!(seen.borrow().last(), Some(&(10_000, Some(10_000))));
    let stop = |_: u64, _: Option<u64>| control.request(StopRequest::Now);
    let error = read_file(&path, &schema(), &options, &stop, &control).unwrap_err();
    assert_eq!(CommandError::from(error).kind, ErrorKind::Cancelled);
}

fn quoted(field: &str) -> String {
    format!("\"{}\"", field.replace('"', "\"\""))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn csv_round_trip(
        rows in proptest::collection::vec(
            (any::<i32>(), proptest::option::of(-1e9f64..1e9), "[^\0]{0,12}", "[a-z]{1,6}"),
            1..30,
        ),
        crlf in any::<bool>(),
        packed in any::<bool>(),
    ) {
        let end = if crlf { "\r\n" } else { "\n" };
        let mut text = format!("bytes,rate,service,label{end}");
        for (bytes, rate, service, label) in &rows {
            let rate = rate.map(|r| r.to_string()).unwrap_or_default();
            text.push_str(&format!("{bytes},{rate},{},{label}{end}", quoted(service)));
        }
        let bytes = if packed { gzip(text.as_bytes()) } else { text.into_bytes() };
        let read = read_bytes("a.csv", &bytes);
        // Texts full of control characters may look binary; nothing else may fail.
        let read = match read {
            Err(SourceError::Binary { .. }) => return Ok(()),
            other => other.unwrap(),
        };
        prop_assert!(read.quarantine.is_empty(), "{:?}", read.quarantine);
        let numbers = read.frame.numbers("bytes").unwrap();
        let rates = read.frame.numbers("rate").unwrap();
        let services = read.frame.texts("service").unwrap();
        for (i, (bytes, rate, service, _)) in rows.iter().enumerate() {
            prop_assert_eq!(numbers[i], f64::from(*bytes));
            prop_assert_eq!(rates[i].to_bits(), rate.unwrap_or(f64::NAN).to_bits());
            let want = service.trim_matches(|c: char| c.is_ascii_whitespace());
            let want = (!want.is_empty() && want != "?").then(|| want.to_owned());
            prop_assert_eq!(&services[i], &want);
        }
    }

    #[test]
    fn garbage_never_panics_and_rows_add_up(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        kind in 0usize..4,
        header in any::<bool>(),
    ) {
        let mut all = if header { b"bytes,rate,service,label\n".to_vec() } else { Vec::new() };
        all.extend_from_slice(&bytes);
        let name = ["a.csv", "a.ndjson", "a.parquet", "a"][kind];
        let (_dir, path) = file(name, &all);
        // `read` checks rows = kept + quarantined.
        let _ = read(&path, &schema());
        let _ = load_table(&path, None, &ReadOptions::default());
        let _ = read_raw(&path, &ReadOptions::default(), None);
    }

    #[test]
    fn textual_garbage_adds_up_too(text in "[0-9a,;\"\n\r.\\- ?]{0,300}") {
        let forced = ReadOptions { header: Some(false), delimiter: Some(','), require_label: true };
        let (_dir, path) = file("a.csv", text.as_bytes());
        if let Ok(read) = read_file(&path, &schema(), &forced, &quiet, &FitControl::new()) {
            prop_assert_eq!(read.rows, read.frame.rows() as u64 + read.quarantine.len() as u64);
        }
        let _ = read(&path, &schema());
    }

    #[test]
    fn a_damaged_parquet_file_never_panics(at in 0usize..600, byte in any::<u8>(), cut in 0usize..900) {
        let frame = Frame::from_columns(vec![
            Frame::number_column("bytes", vec![Some(1.0), None]),
            Frame::text_column("label", &[Some("x"), Some("y")]),
        ]).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.parquet");
        write_frame(&frame, &path).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let len = bytes.len();
        bytes[at % len] = byte;
        bytes.truncate(len.min(cut.max(4)));
        std::fs::write(&path, &bytes).unwrap();
        let _ = load_table(&path, None, &ReadOptions::default());
    }
}

#[test]
fn the_phishing_files_hold_the_same_values() {
    let Some(data) = shared("the_phishing_files_hold_the_same_values") else {
        return;
    };
    let schema = preset("phishing").unwrap();
    let plain = read(&data.join("phishing_uci/phisingData.csv"), &schema).unwrap();
    let quoted = read(
        &data.join("phishing_uci/phishing_quoted_header_port.csv"),
        &schema,
    )
    .unwrap();
    assert_eq!((plain.rows, plain.quarantine.len()), (11_055, 0));
    assert_eq!(
        quoted.detected.columns.renamed,
        [("port".to_owned(), "port_no".to_owned())]
    );
    assert_eq!(
        digest_frame(&plain.frame).unwrap(),
        digest_frame(&quoted.frame).unwrap()
    );
    assert_eq!(count(&plain.frame, "Result", "-1"), 4_898);
}

fn count(frame: &Frame, column: &str, value: &str) -> usize {
    let texts = frame.texts(column).unwrap();
    texts.iter().filter(|t| t.as_deref() == Some(value)).count()
}

#[test]
fn nsl_kdd_and_its_cr_only_copy() {
    let Some(data) = shared("nsl_kdd_and_its_cr_only_copy") else {
        return;
    };
    let schema = preset("nsl-kdd").unwrap();
    let test = read(&data.join("nsl_kdd/KDDTest+.txt.zst"), &schema).unwrap();
    assert_eq!((test.rows, test.quarantine.len()), (22_544, 0));
    assert_eq!(
        test.detected.summary(),
        "CSV, zstd, comma, no header, UTF-8, LF"
    );
    assert_eq!(count(&test.frame, "label", "normal"), 9_711);
    assert_eq!(count(&test.frame, "label", "neptune"), 4_657);
    let cr = read(&data.join("dirty/KDDTest+_CR_line_endings.csv"), &schema).unwrap();
    // Counted in the file itself (22,542 carriage returns, no other line end): the copy lacks one
    // record of the original, row 12,163. Its numbers are written differently (`0` for `0.00`).
    assert_eq!((cr.rows, cr.quarantine.len()), (22_543, 0));
    assert_eq!(cr.detected.line_ends, LineEnds::Cr);
    let others: Vec<usize> = (0..22_544).filter(|&row| row != 12_163).collect();
    assert_eq!(
        digest_frame(&test.frame.take(&others).unwrap()).unwrap(),
        digest_frame(&cr.frame).unwrap()
    );
}

#[test]
fn kdd99_is_nsl_kdd_without_difficulty() {
    let Some(data) = shared("kdd99_is_nsl_kdd_without_difficulty") else {
        return;
    };
    let path = data.join("kdd99/kddcup.data_10_percent.gz");
    let read = read(&path, &preset("nsl-kdd").unwrap()).unwrap();
    assert_eq!((read.rows, read.quarantine.len()), (494_021, 0));
    assert_eq!(read.detected.columns.absent, ["difficulty"]);
    assert_eq!(count(&read.frame, "label", "smurf"), 280_790);
    assert_eq!(read.coercions.cells(CoercionKind::TrailingDot), 494_021);
}

#[test]
fn dirty_cicids_is_read_whole() {
    let Some(data) = shared("dirty_cicids_is_read_whole") else {
        return;
    };
    let path = data.join("dirty/cicids2017_style_dirty.csv");
    let full = preset("cicids2017").unwrap();
    // The file has 18 of the columns; the whole preset says what is missing.
    let error = CommandError::from(read(&path, &full).unwrap_err());
    assert_eq!(error.kind, ErrorKind::Data);
    assert!(error.message.contains("lacks"), "{error}");
    let (raw, _) = read_raw(&path, &ReadOptions::default(), Some(1)).unwrap();
    assert_eq!(
        raw.names
            .iter()
            .filter(|n| n.starts_with("Fwd Header Length"))
            .count(),
        2
    );
    let mut some = full.clone();
    some.columns
        .retain(|c| raw.names.iter().any(|n| c.answers_to(n)));
    let read = read(&path, &some).unwrap();
    assert_eq!((read.rows, read.quarantine.len()), (5_124, 0));
    assert_eq!(read.detected.line_ends, LineEnds::CrLf);
    assert_eq!(read.detected.encoding, TextEncoding::Windows1252);
    assert_eq!(read.detected.columns.repeated, ["Fwd Header Length"]);
    assert_eq!(read.coercions.cells(CoercionKind::Infinity), 112);
    assert_eq!(count(&read.frame, "Label", "Web Attack \u{2013} XSS"), 19);
    let nulls: usize = ["Flow Bytes/s", "Flow Packets/s"]
        .iter()
        .map(|c| {
            let values = read.frame.numbers(c).unwrap();
            values.iter().filter(|v| v.is_nan()).count()
        })
        .sum();
    assert_eq!(nulls, 12);
}
