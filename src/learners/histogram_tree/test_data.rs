//! Data of the tests: small made-up matrices, and a loader of the shared public data that does
//! the encoding of `benches/peers/sklearn_seeds.py`. Only tests use it; ingestion is elsewhere.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crate::dataset::{Labels, Matrix};
use crate::learners::{FitControl, FitRequest, Progress, Weights};

/// Train and test rows.
pub(super) struct Task {
    pub(super) x: Matrix,
    pub(super) y: Labels,
    pub(super) x_test: Matrix,
    pub(super) y_test: Labels,
}

/// The folder of shared data, or a note that a test is skipped.
pub(super) fn shared(test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("NETSEC_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    if path.join("data").is_dir() && path.join("baselines").is_dir() {
        return Some(path);
    }
    println!("skipped: needs ../shared ({test})");
    None
}

fn matrix(columns: Vec<(String, Vec<f32>)>, rows: usize) -> Matrix {
    let (names, columns) = columns.into_iter().unzip();
    Matrix::from_columns(names, rows, columns)
}

/// A matrix of named-by-number columns.
pub(super) fn from_columns(columns: Vec<Vec<f32>>) -> Matrix {
    let rows = columns.first().map_or(0, Vec::len);
    let names = (0..columns.len()).map(|i| format!("f{i}")).collect();
    Matrix::from_columns(names, rows, columns)
}

/// Labels over `classes` classes named by number.
pub(super) fn labels(codes: Vec<u32>, classes: usize) -> Labels {
    Labels {
        classes: (0..classes).map(|c| format!("c{c}")).collect(),
        codes,
    }
}

/// Phishing, split as in the baselines; positive = -1.
pub(super) fn phishing(shared: &Path) -> Task {
    let text = std::fs::read_to_string(shared.join("data/phishing_uci/phisingData.csv"))
        .expect("phishing data");
    let mut lines = text.lines();
    let names: Vec<String> = (lines.next().expect("header").split(','))
        .map(str::to_owned)
        .collect();
    let mut columns = vec![Vec::new(); names.len()];
    for line in lines {
        for (column, cell) in columns.iter_mut().zip(line.split(',')) {
            column.push(cell.trim().parse::<f32>().expect("number"));
        }
    }
    let target = columns.pop().expect("target");
    let y = Labels {
        classes: vec!["legitimate".into(), "phishing".into()],
        codes: target.iter().map(|&t| u32::from(t == -1.0)).collect(),
    };
    let x = matrix(names.into_iter().zip(columns).collect(), target.len());
    let split = std::fs::read(shared.join("baselines/phishing_split.json")).expect("split");
    let split: serde_json::Value = serde_json::from_slice(&split).expect("split");
    let rows = |side: &str| -> Vec<usize> {
        serde_json::from_value(split[side].clone()).expect("row numbers")
    };
    let (train, test) = (rows("train"), rows("test"));
    Task {
        x: x.take(&train),
        y: y.take(&train),
        x_test: x.take(&test),
        y_test: y.take(&test),
    }
}

const FAMILIES: [(&str, &str); 5] = [
    ("normal", "normal"),
    (
        "dos",
        "back land neptune pod smurf teardrop apache2 udpstorm processtable mailbomb",
    ),
    ("probe", "satan ipsweep nmap portsweep mscan saint"),
    (
        "r2l",
        "guess_passwd ftp_write imap phf multihop warezmaster warezclient spy xlock xsnoop \
         snmpguess snmpgetattack sendmail named worm",
    ),
    (
        "u2r",
        "buffer_overflow loadmodule rootkit perl sqlattack xterm ps httptunnel",
    ),
];

/// NSL-KDD, the official split, five classes.
pub(super) fn nsl(shared: &Path) -> Task {
    let family: HashMap<&str, u32> = (0..)
        .zip(FAMILIES)
        .flat_map(|(code, (_, attacks))| attacks.split_whitespace().map(move |a| (a, code)))
        .collect();
    let read = |name: &str| -> Vec<Vec<String>> {
        let bytes = std::fs::read(shared.join("data/nsl_kdd").join(name)).expect("NSL-KDD");
        let bytes = zstd::decode_all(&bytes[..]).expect("zstd");
        String::from_utf8(bytes)
            .expect("text")
            .lines()
            .map(|line| line.split(',').map(str::to_owned).collect())
            .collect()
    };
    let (train, test) = (read("KDDTrain+.txt.zst"), read("KDDTest+.txt.zst"));
    let symbols: Vec<BTreeSet<&str>> = (1..4)
        .map(|c| train.iter().map(|row| row[c].as_str()).collect())
        .collect();
    let encode = |rows: &[Vec<String>]| {
        let mut columns = Vec::new();
        for c in (0..41).filter(|c| !(1..4).contains(c)) {
            let values = rows.iter().map(|r| r[c].parse().expect("number")).collect();
            columns.push((format!("n{c}"), values));
        }
        for (c, values) in (1..).zip(&symbols) {
            for value in values {
                let column = rows.iter().map(|r| f32::from(u8::from(r[c] == *value)));
                columns.push((format!("{c}={value}"), column.collect()));
            }
        }
        let labels = Labels {
            classes: FAMILIES.iter().map(|f| f.0.to_owned()).collect(),
            codes: rows.iter().map(|r| family[r[41].as_str()]).collect(),
        };
        (matrix(columns, rows.len()), labels)
    };
    let ((x, y), (x_test, y_test)) = (encode(&train), encode(&test));
    Task {
        x,
        y,
        x_test,
        y_test,
    }
}

/// Attack against normal.
pub(super) fn binary(task: Task) -> Task {
    let fold = |y: Labels| Labels {
        classes: vec!["normal".into(), "attack".into()],
        codes: y.codes.iter().map(|&c| c.min(1)).collect(),
    };
    Task {
        y: fold(task.y),
        y_test: fold(task.y_test),
        ..task
    }
}

/// Runs `fit` with a plain request: no weights, nothing watched, nobody listening.
pub(super) fn with_request<T>(
    x: &Matrix,
    y: &Labels,
    seed: u64,
    fit: impl FnOnce(&FitRequest<'_>) -> T,
) -> T {
    let silent = |_: Progress| ();
    fit(&FitRequest {
        x,
        y,
        weights: &Weights::default(),
        watch: None,
        seed,
        threads: 1,
        control: &FitControl::new(),
        progress: &silent,
    })
}
