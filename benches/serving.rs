//! The scoring service under load: latency of single rows, requests a second, rows a second of large
//! batches, memory; beside a FastAPI twin of the Python original with scikit-learn and XGBoost.
//!
//! `cargo bench --bench serving [-- --seconds N] [-- --without-peer]` trains a champion for each
//! learner on the phishing data (`../shared` or `NETSEC_SHARED`), serves it with the real program,
//! and drives it and the twin with the same clients over loopback, one after the other.
//!
//! Clients and service share the processors, and other work may too. So beside what the clock says
//! stands the processor time of the service itself: for one request, and rows for one second of it.
//! `in process` is preprocessor and model alone on all cores; `its library` is XGBoost's own predict
//! from Python with the same model.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use netsec::serving::ServedModel;
use netsec::storage::load_champion;
use netsec::workspace::Workspace;
use rayon::prelude::*;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const LEARNERS: [&str; 3] = ["logistic_regression", "decision_tree", "xgboost"];
/// Rows of a large batch.
const BATCH: usize = 200_000;
/// How often it is sent.
const BATCHES: usize = 5;
/// Requests of a client before it is measured. Few: the twin takes its time for each.
const WARM: usize = 3;
/// Bytes a client reads at once.
const BUFFER: usize = 128 << 10;
/// Clients at once.
const CLIENTS: usize = 8;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seconds = arguments
        .iter()
        .position(|a| a == "--seconds")
        .and_then(|at| arguments.get(at + 1))
        .map_or(Ok(5), |n| n.parse())?;
    let seconds = Duration::from_secs(seconds);
    let shared = std::env::var_os("NETSEC_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let data = shared.join("data/phishing_uci/phisingData.csv");
    if !data.exists() {
        out("skipped: needs ../shared (bench serving)");
        return Ok(());
    }
    let table = std::fs::read_to_string(&data)?;
    let (row, batch) = bodies(&table)?;
    let with_peer = !arguments.iter().any(|a| a == "--without-peer");
    out(&format!(
        "{:<14} {:<20} {:>7} {:>7} {:>10} {:>9} {:>12} {:>14} {:>5}",
        "service",
        "learner",
        "p50 ms",
        "p99 ms",
        "requests/s",
        "cpu us/rq",
        "batch rows/s",
        "rows/cpu second",
        "MB"
    ));
    for learner in LEARNERS {
        let dir = tempfile::tempdir()?;
        champion(dir.path(), &data, learner)?;
        alone("in process", learner, in_process(dir.path())?);
        if learner == "xgboost" && with_peer {
            alone("its library", learner, library(dir.path())?);
        }
        let service = Service::netsec(dir.path())?;
        report("netsec serve", learner, &service, &row, &batch, seconds)?;
    }
    if with_peer {
        for learner in LEARNERS {
            let service = Service::peer(&data, learner)?;
            report("FastAPI", learner, &service, &row, &batch, seconds)?;
        }
    }
    Ok(())
}

fn out(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line of rows by the clock's second and by the processor's.
fn alone(name: &str, learner: &str, (rows, of_cpu): (f64, f64)) {
    out(&format!(
        "{name:<14} {learner:<20} {:>7} {:>7} {:>10} {:>9} {rows:>12.0} {of_cpu:>14.0} {:>5}",
        "", "", "", "", ""
    ));
}

/// Processor time of a process so far, seconds.
fn cpu(process: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name in parentheses may hold blanks.
    let fields = text.rsplit(')').next().unwrap_or_default();
    let ticks = |at| -> f64 {
        let field = fields.split_whitespace().nth(at);
        field.and_then(|f| f.parse().ok()).unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}

/// One row as JSON, and a large CSV.
fn bodies(table: &str) -> Result<(String, String)> {
    let mut lines = table.lines();
    let header = lines.next().ok_or("the data are empty")?;
    let rows: Vec<&str> = lines.collect();
    let cells = header.split(',').zip(rows[0].split(','));
    let members: Vec<String> = cells
        .map(|(name, value)| format!("\"{}\":{}", name.trim(), value.trim()))
        .collect();
    let mut batch = String::from(header);
    for row in rows.iter().cycle().take(BATCH) {
        batch.push('\n');
        batch.push_str(row);
    }
    Ok((format!("[{{{}}}]", members.join(",")), batch))
}

/// A project whose champion is one learner.
fn champion(dir: &Path, data: &Path, learner: &str) -> Result<()> {
    std::fs::write(
        dir.join("config.toml"),
        format!(
            "[source]\npath = {:?}\n[schema]\npreset = \"phishing\"\n[training]\nlearners = [\"{learner}\"]\nfolds = 2\n",
            data.canonicalize()?
        ),
    )?;
    let run = |args: &[&str]| -> Result<Vec<u8>> {
        let output = netsec(dir).args(args).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        Ok(output.stdout)
    };
    let show: serde_json::Value = serde_json::from_slice(&run(&["retrain", "--json"])?)?;
    let plan = show["plan_id"].as_str().ok_or("the gate did not accept")?;
    run(&["approve", plan, "--reason", "bench"])?;
    Ok(())
}

fn netsec(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netsec"));
    command
        .current_dir(dir)
        .env_remove("NETSEC_CONFIG")
        .stdin(Stdio::null());
    command
}

/// Rows a second, and a second of processor time, of preprocessor and model alone on all cores.
fn in_process(dir: &Path) -> Result<(f64, f64)> {
    let champion = load_champion(&Workspace::new(dir))?.ok_or("there is no champion")?;
    let model = ServedModel::new("netsec", champion)?;
    let mut rows = model.rows(0);
    // Like the peer's: values that no branch predictor can learn.
    let mut state = 1_u64;
    for _ in 0..model.chunk() {
        for column in 0..model.layout().columns().len() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let value = [&b"-1"[..], b"0", b"1"][(state >> 33) as usize % 3];
            rows.push_bytes(column, value);
        }
        rows.end_row();
    }
    let parts = 2_000_000 / rows.len();
    let (mut best, mut least) = (0.0_f64, f64::INFINITY);
    for _ in 0..3 {
        let (begun, before) = (Instant::now(), cpu("self"));
        let done: usize = (0..parts)
            .into_par_iter()
            .map(|_| model.score(&rows).map_or(0, |scores| scores.len()))
            .sum();
        best = best.max(done as f64 / begun.elapsed().as_secs_f64());
        least = least.min((cpu("self") - before) / done as f64);
    }
    Ok((best, 1.0 / least))
}

/// The same by XGBoost's own predict.
fn library(dir: &Path) -> Result<(f64, f64)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/xgboost_predict.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(dir.join("final_model/model.json"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    let mut numbers = said.split_whitespace().map(str::parse::<f64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(rows)), Some(Ok(of_cpu))) => Ok((rows, of_cpu)),
        _ => Err("XGBoost's own predict failed; it needs numpy and xgboost in python3".into()),
    }
}

/// A service at work; killed when it goes.
struct Service {
    child: Child,
    address: SocketAddr,
}

impl Service {
    fn netsec(dir: &Path) -> Result<Self> {
        let mut child = netsec(dir)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("NETSEC_SERVE__MAX_BODY_MIB", "64")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().ok_or("no stderr")?;
        for line in BufReader::new(stderr).lines() {
            if let Some((_, address)) = line?.split_once("listening on http://") {
                let address = address.parse()?;
                return Ok(Self { child, address });
            }
        }
        Err("netsec serve ended".into())
    }

    fn peer(data: &Path, learner: &str) -> Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/serving.py");
        let mut child = Command::new("python3")
            .arg(script)
            .arg(data)
            .arg(learner)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("no stdout")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address: SocketAddr = line.trim().parse().map_err(|_| {
            "the twin did not start; it needs fastapi, uvicorn, python-multipart, pandas, scikit-learn and xgboost in python3"
        })?;
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if begun.elapsed() > Duration::from_secs(60) {
                return Err("the twin does not listen".into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Self { child, address })
    }

    /// Processor time so far, seconds.
    fn cpu(&self) -> f64 {
        cpu(&self.child.id().to_string())
    }

    /// Resident memory, MB.
    fn memory(&self) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .find_map(|l| l.strip_prefix("VmRSS:"))
            .and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok())
            .map_or(0.0, |kb| kb / 1024.0)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn report(
    name: &str,
    learner: &str,
    service: &Service,
    row: &str,
    batch: &str,
    seconds: Duration,
) -> Result<()> {
    let (mut alone, _) = drive(service.address, 1, row, seconds)?;
    alone.sort_unstable();
    let at = |share: f64| {
        let index = ((alone.len() as f64 - 1.0) * share) as usize;
        alone.get(index).map_or(0.0, |d| d.as_secs_f64() * 1e3)
    };
    let before = service.cpu();
    let (answered, throughput) = drive(service.address, CLIENTS, row, seconds)?;
    let requests = answered.len() + CLIENTS * WARM;
    let request = (service.cpu() - before) * 1e6 / requests as f64;
    let mut client = Client::connect(service.address)?;
    let mut best = 0.0_f64;
    let before = service.cpu();
    for _ in 0..BATCHES {
        let begun = Instant::now();
        client.post("text/csv", batch.as_bytes())?;
        best = best.max(BATCH as f64 / begun.elapsed().as_secs_f64());
    }
    let of_cpu = (BATCH * BATCHES) as f64 / (service.cpu() - before).max(0.01);
    out(&format!(
        "{name:<14} {learner:<20} {:>7.3} {:>7.3} {throughput:>10.0} {request:>9.0} {best:>12.0} {of_cpu:>14.0} {:>5.0}",
        at(0.5),
        at(0.99),
        service.memory()
    ));
    Ok(())
}

/// Single rows by so many clients: how long each took, and requests a second.
fn drive(
    address: SocketAddr,
    clients: usize,
    row: &str,
    seconds: Duration,
) -> Result<(Vec<Duration>, f64)> {
    let stop = Arc::new(AtomicBool::new(false));
    let begun = Instant::now();
    let threads: Vec<_> = (0..clients)
        .map(|_| {
            let (stop, row) = (Arc::clone(&stop), row.to_owned());
            std::thread::spawn(move || -> Result<Vec<Duration>> {
                let mut client = Client::connect(address)?;
                for _ in 0..WARM {
                    client.post("application/json", row.as_bytes())?;
                }
                let mut times = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    client.post("application/json", row.as_bytes())?;
                    times.push(begun.elapsed());
                }
                Ok(times)
            })
        })
        .collect();
    std::thread::sleep(seconds);
    stop.store(true, Ordering::Relaxed);
    let mut all = Vec::new();
    for thread in threads {
        all.extend(thread.join().map_err(|_| "a client panicked")??);
    }
    let rate = (all.len() + clients * WARM) as f64 / begun.elapsed().as_secs_f64();
    Ok((all, rate))
}

/// A connection that is kept.
struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::with_capacity(BUFFER, stream),
        })
    }

    fn post(&mut self, media: &str, body: &[u8]) -> Result<()> {
        let head = format!(
            "POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {media}\r\nAccept: {media}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        // One packet for what is small; a large body is not copied in time that is measured.
        let stream = self.stream.get_mut();
        if body.len() < BUFFER {
            stream.write_all(&[head.as_bytes(), body].concat())?;
        } else {
            stream.write_all(head.as_bytes())?;
            stream.write_all(body)?;
        }
        let status = self.line()?;
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
        }
        if chunked {
            loop {
                let size = usize::from_str_radix(&self.line()?, 16)?;
                self.skip(size + 2)?;
                if size == 0 {
                    break;
                }
            }
        } else {
            self.skip(length)?;
        }
        if status.contains(" 200 ") {
            Ok(())
        } else {
            Err(status.into())
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err("the connection broke off".into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn skip(&mut self, bytes: usize) -> Result<()> {
        let mut part = (&mut self.stream).take(bytes as u64);
        std::io::copy(&mut part, &mut std::io::sink())?;
        Ok(())
    }
}
