//! CPU seconds and peak memory of every learner beside scikit-learn and XGBoost for Python.
//!
//! `cargo bench --bench learners [-- LEARNER.. --repeats N]` sets up a virtual environment under
//! `target/`, prepares the same matrices for both sides, and runs ours and theirs in turn, each
//! fit in a process of its own, one thread each. CPU seconds are those of the fit alone, peak
//! memory is that of the whole process before it predicts (with Python and its libraries on their
//! side). The accuracy on the test rows stands beside them: a fast wrong answer is no gain.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use netsec::dataset::{Labels, Matrix};
use netsec::learners::{FitControl, FitRequest, LearnerId, LearnerSpec, Model, Weights};
use serde::{Deserialize, Serialize};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The argument by which this program starts itself to run one fit.
const CHILD: &str = "--one-fit";
const TASKS: [&str; 2] = ["phishing", "nsl_kdd"];
/// A fit is repeated until it took so long: the clock below ticks 100 times a second.
const LONG_ENOUGH: f64 = 0.5;

/// What one process reports.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Figures {
    cpu: f64,
    peak_kb: f64,
    accuracy: f64,
}

#[derive(Deserialize)]
struct Sizes {
    features: usize,
    classes: usize,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|a| a == CHILD) {
        let [_, learner, folder, task] = arguments.as_slice() else {
            return Err("a learner, a folder and a task are needed".into());
        };
        let figures = one_fit(learner.parse()?, Path::new(folder), task)?;
        println!("{}", serde_json::to_string(&figures)?);
        return Ok(());
    }
    if !arguments.iter().any(|a| a == "--bench") {
        // `cargo test --all-targets` runs this too.
        println!("to measure: cargo bench --bench learners");
        return Ok(());
    }
    compare(&arguments)
}

/// Prepares both sides and prints the table.
fn compare(arguments: &[String]) -> Result<()> {
    let mut repeats = 5;
    let mut learners = Vec::new();
    let mut arguments = arguments.iter().filter(|a| *a != "--bench");
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--repeats" => {
                repeats = arguments
                    .next()
                    .ok_or("--repeats needs a number")?
                    .parse()?
            }
            learner => learners.push(learner.parse::<LearnerId>()?),
        }
    }
    if learners.is_empty() {
        learners = LearnerId::DEFAULT.to_vec();
    }
    let shared = std::env::var_os("NETSEC_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")),
        PathBuf::from,
    );
    if !shared.join("baselines").is_dir() {
        println!("skipped: needs ../shared (the phishing table and NSL-KDD)");
        return Ok(());
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("learners");
    fs::create_dir_all(&folder)?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/learners.py");
    let python = virtual_environment()?;
    if !folder.join("nsl_kdd.json").is_file() {
        for side in ["Train", "Test"] {
            let packed = fs::File::open(shared.join(format!("data/nsl_kdd/KDD{side}+.txt.zst")))?;
            let mut text = fs::File::create(folder.join(format!("KDD{side}+.txt")))?;
            zstd::stream::copy_decode(packed, &mut text)?;
        }
        let prepare = Command::new(&python)
            .args([script, "prepare"])
            .args([&shared, &folder])
            .status()?;
        if !prepare.success() {
            return Err("the matrices could not be prepared".into());
        }
    }
    println!(
        "{repeats} runs each, median (smallest - largest); a ratio below 1 is ours being less"
    );
    println!(
        "| learner | task | CPU s ours | peer | ratio | MB ours | peer | ratio | accuracy ours | peer |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for learner in learners {
        for task in TASKS {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for _ in 0..repeats {
                let mut own = Command::new(std::env::current_exe()?);
                own.args([CHILD, learner.as_str()]).arg(&folder).arg(task);
                ours.push(run(own)?);
                let mut peer = Command::new(&python);
                peer.args([script, "fit", learner.as_str()])
                    .arg(&folder)
                    .arg(task);
                theirs.push(run(peer)?);
            }
            print_row(learner, task, &ours, &theirs);
        }
    }
    Ok(())
}

/// The Python of a virtual environment with the peers, made at the first run.
fn virtual_environment() -> Result<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("venv");
    let python = folder.join("bin/python");
    let done = folder.join("installed");
    if !done.is_file() {
        let made = Command::new("python3")
            .args(["-m", "venv"])
            .arg(&folder)
            .status()?;
        let installed = Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "scikit-learn",
                "xgboost",
                "pandas",
            ])
            .status()?;
        if !(made.success() && installed.success()) {
            return Err("scikit-learn and xgboost could not be installed with pip".into());
        }
        fs::write(done, "")?;
    }
    let versions = "import sklearn, xgboost, platform; print('peers: scikit-learn', \
                    sklearn.__version__, 'XGBoost', xgboost.__version__, 'Python', \
                    platform.python_version())";
    Command::new(&python).args(["-c", versions]).status()?;
    Ok(python)
}

/// Runs a fit in its own process, one thread of every kind.
fn run(mut command: Command) -> Result<Figures> {
    let one_thread = [
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "RAYON_NUM_THREADS",
    ];
    for name in one_thread {
        command.env(name, "1");
    }
    let output = command.env("OMP_WAIT_POLICY", "PASSIVE").output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?} failed: {said}").into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(serde_json::from_str(
        text.lines().last().unwrap_or_default(),
    )?)
}

/// One fit, or as many as the clock needs, in this process.
fn one_fit(learner: LearnerId, folder: &Path, task: &str) -> Result<Figures> {
    let (x, y) = read(folder, task, "train")?;
    let spec = match learner {
        LearnerId::LogisticRegression => LearnerSpec::LogisticRegression(Default::default()),
        LearnerId::DecisionTree => LearnerSpec::DecisionTree(Default::default()),
        LearnerId::RandomForest => LearnerSpec::RandomForest(Default::default()),
        LearnerId::Adaboost => LearnerSpec::Adaboost(Default::default()),
        LearnerId::Xgboost => LearnerSpec::Xgboost(Default::default()),
        LearnerId::LinfaTree | LearnerId::LinfaLogistic => {
            return Err(format!("{learner} has no peer").into());
        }
    };
    let request = FitRequest {
        x: &x,
        y: &y,
        weights: &Weights::default(),
        watch: None,
        seed: 42,
        threads: 1,
        control: &FitControl::new(),
        progress: &|_| {},
    };
    let (mut fits, start) = (0, cpu_seconds()?);
    let (model, cpu) = loop {
        let model = Model::fit(&spec, &request)?;
        fits += 1;
        let cpu = cpu_seconds()? - start;
        if cpu >= LONG_ENOUGH {
            break (model, cpu / f64::from(fits));
        }
    };
    let peak_kb = peak_kb()?;
    let (x, y) = read(folder, task, "test")?;
    let p = model.predict_proba(&x)?;
    let right = p
        .chunks(y.classes.len())
        .zip(&y.codes)
        .filter(|(row, code)| {
            let own = row[**code as usize];
            row.iter()
                .enumerate()
                .all(|(c, p)| c == **code as usize || *p < own)
        })
        .count();
    Ok(Figures {
        cpu,
        peak_kb,
        accuracy: right as f64 / y.rows() as f64,
    })
}

fn read(folder: &Path, task: &str, side: &str) -> Result<(Matrix, Labels)> {
    let sizes: Sizes = serde_json::from_slice(&fs::read(folder.join(format!("{task}.json")))?)?;
    let words = |extension: &str| -> Result<Vec<[u8; 4]>> {
        let bytes = fs::read(folder.join(format!("{task}_{side}.{extension}")))?;
        Ok(bytes
            .chunks_exact(4)
            .map(|c| [c[0], c[1], c[2], c[3]])
            .collect())
    };
    let codes: Vec<u32> = words("u32")?.into_iter().map(u32::from_le_bytes).collect();
    let rows = codes.len();
    let columns = words("f32")?
        .chunks(rows)
        .map(|c| c.iter().map(|w| f32::from_le_bytes(*w)).collect())
        .collect();
    let names = (0..sizes.features).map(|f| format!("f{f}")).collect();
    let classes = (0..sizes.classes).map(|c| c.to_string()).collect();
    Ok((
        Matrix::from_columns(names, rows, columns),
        Labels { classes, codes },
    ))
}

/// User and system time of this process, all threads.
fn cpu_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name in parentheses may hold blanks; fields 14 and 15 of the line are ticks.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|t| t.parse().unwrap_or(0u64))
        .sum();
    Ok(ticks as f64 / 100.0)
}

/// The largest resident size of this process so far.
fn peak_kb() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let number = line.and_then(|l| l.split_whitespace().next());
    Ok(number.ok_or("/proc/self/status has no VmHWM")?.parse()?)
}

/// Smallest, median, largest.
fn spread(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let median = if values.len() % 2 == 1 {
        values[middle]
    } else {
        (values[middle - 1] + values[middle]) / 2.0
    };
    (values[0], median, values[values.len() - 1])
}

fn print_row(learner: LearnerId, task: &str, ours: &[Figures], theirs: &[Figures]) {
    let median = |side: &[Figures], of: fn(&Figures) -> f64| spread(side.iter().map(of)).1;
    let ratio = |of: fn(&Figures) -> f64| {
        let (low, middle, high) = spread(ours.iter().zip(theirs).map(|(o, t)| of(o) / of(t)));
        format!("{middle:.2} ({low:.2} - {high:.2})")
    };
    println!(
        "| {learner} | {task} | {:.3} | {:.3} | {} | {:.0} | {:.0} | {} | {:.4} | {:.4} |",
        median(ours, |f| f.cpu),
        median(theirs, |f| f.cpu),
        ratio(|f| f.cpu),
        median(ours, |f| f.peak_kb / 1024.0),
        median(theirs, |f| f.peak_kb / 1024.0),
        ratio(|f| f.peak_kb),
        median(ours, |f| f.accuracy),
        median(theirs, |f| f.accuracy),
    );
}
