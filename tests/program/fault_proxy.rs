//! An HTTP/1.1 proxy in front of a real server that, from a seed, drops, delays, duplicates and
//! cuts requests and replies.
//!
//! ```ignore
//! let proxy = FaultProxy::with_faults(&services::mlflow().uri, seed);
//! command.env("MLFLOW_TRACKING_URI", proxy.uri())
//!     // A reply that is held back is held until the client gives up.
//!     .env("MLFLOW_HTTP_REQUEST_TIMEOUT", "0.5");
//! ...
//! proxy.calm();      // from now on nothing is harmed: whatever is left can be finished
//! proxy.harmed();    // what was done to which request
//! ```
//!
//! The n-th request meets the fault that seed and n give; a client that sends one request after
//! the other meets the same ones again. [`FaultProxy::faithful`] harms nothing and is the check of
//! the proxy itself. Requests are passed on one connection each; the client's own connections are
//! kept alive, so that faults meet pooled connections too.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is done to a request or its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The connection closes before the request is passed on.
    LostRequest,
    /// The request is passed on, the connection closes before the reply.
    LostReply,
    /// The request is passed on, half of the reply comes.
    CutReply,
    /// Half of the reply's head comes.
    CutHead,
    /// The request is passed on twice; the second reply comes.
    Twice,
    /// The request is passed on twice; the first reply comes.
    TwiceFirst,
    /// The request is passed on, the reply comes when the client has given up: never.
    LateReply,
    /// The request is passed on and the reply comes, both a little later.
    Slow,
    /// A gateway says 503 and does not pass the request on.
    Unavailable,
    /// A gateway passes the request on and says 502 in HTML.
    BadGateway,
}

impl Fault {
    pub const ALL: [Fault; 10] = [
        Fault::LostRequest,
        Fault::LostReply,
        Fault::CutReply,
        Fault::CutHead,
        Fault::Twice,
        Fault::TwiceFirst,
        Fault::LateReply,
        Fault::Slow,
        Fault::Unavailable,
        Fault::BadGateway,
    ];
}

/// When which fault.
#[derive(Clone, Copy)]
enum Plan {
    Never,
    Seed(u64),
    Always(Fault),
}

impl Plan {
    /// The fault of the n-th request.
    fn fault(self, n: u64) -> Option<Fault> {
        match self {
            Plan::Never => None,
            Plan::Always(fault) => Some(fault),
            Plan::Seed(seed) => {
                let random = mixed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ mixed(n));
                // A third of the requests is harmed.
                let kind = random / 3 % Fault::ALL.len() as u64;
                random.is_multiple_of(3).then(|| Fault::ALL[kind as usize])
            }
        }
    }
}

/// SplitMix64's mixing function.
fn mixed(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

struct State {
    behind: String,
    plan: Plan,
    calm: AtomicBool,
    count: AtomicU64,
    harmed: Mutex<Vec<(Fault, String)>>,
    over: AtomicBool,
}

/// A proxy; it ends when this is dropped.
pub struct FaultProxy {
    address: SocketAddr,
    path: String,
    state: Arc<State>,
}

impl FaultProxy {
    /// Harms nothing.
    pub fn faithful(behind: &str) -> Self {
        Self::start(behind, Plan::Never)
    }

    /// Harms about every third request, as the seed says.
    pub fn with_faults(behind: &str, seed: u64) -> Self {
        Self::start(behind, Plan::Seed(seed))
    }

    /// Does the same to every request.
    pub fn always(behind: &str, fault: Fault) -> Self {
        Self::start(behind, Plan::Always(fault))
    }

    fn start(behind: &str, plan: Plan) -> Self {
        let rest = behind.strip_prefix("http://").expect("a plain address");
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            behind: host.to_owned(),
            plan,
            calm: AtomicBool::new(false),
            count: AtomicU64::new(0),
            harmed: Mutex::new(Vec::new()),
            over: AtomicBool::new(false),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.over.load(Ordering::SeqCst) {
                    return;
                }
                let state = shared.clone();
                std::thread::spawn(move || {
                    // A connection that ends in the middle is what this is for.
                    let _ = converse(client, &state);
                });
            }
        });
        Self {
            address,
            path: path.trim_end_matches('/').to_owned(),
            state,
        }
    }

    /// The address to use instead of the server's, with the server's path.
    pub fn uri(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// From now on nothing is harmed.
    pub fn calm(&self) {
        self.state.calm.store(true, Ordering::SeqCst);
    }

    /// Requests that came.
    pub fn requests(&self) -> u64 {
        self.state.count.load(Ordering::SeqCst)
    }

    /// What was done to which request: its verb and path.
    pub fn harmed(&self) -> Vec<(Fault, String)> {
        self.state.harmed.lock().unwrap().clone()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

/// One side of an exchange: the first line, the other lines, the body.
struct Message {
    first: String,
    lines: Vec<String>,
    body: Vec<u8>,
}

impl Message {
    /// Reads a message; none when the other side has ended.
    fn read(from: &mut impl BufRead, is_reply: bool) -> std::io::Result<Option<Self>> {
        let mut first = String::new();
        if from.read_line(&mut first)? == 0 {
            return Ok(None);
        }
        let mut message = Self {
            first: first.trim_end().to_owned(),
            lines: Vec::new(),
            body: Vec::new(),
        };
        loop {
            let mut line = String::new();
            from.read_line(&mut line)?;
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            message.lines.push(line.to_owned());
        }
        if message.header("transfer-encoding").is_some() {
            read_chunks(from, &mut message.body)?;
        } else if let Some(length) = message.header("content-length") {
            let length = length.parse().map_err(std::io::Error::other)?;
            message.body.resize(length, 0);
            from.read_exact(&mut message.body)?;
        } else if is_reply {
            from.read_to_end(&mut message.body)?;
        }
        Ok(Some(message))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.lines
            .iter()
            .filter_map(|line| line.split_once(':'))
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The message with a length instead of chunks, and these lines instead of the hop's own.
    fn bytes(&self, own: &str) -> Vec<u8> {
        const HOP: [&str; 6] = [
            "connection",
            "keep-alive",
            "transfer-encoding",
            "content-length",
            "host",
            "expect",
        ];
        let mut out = format!("{}\r\n", self.first);
        for line in &self.lines {
            let name = line.split(':').next().unwrap_or_default();
            if !HOP.iter().any(|hop| hop.eq_ignore_ascii_case(name)) {
                out.push_str(line);
                out.push_str("\r\n");
            }
        }
        out.push_str(&format!("Content-Length: {}\r\n{own}\r\n", self.body.len()));
        let mut out = out.into_bytes();
        out.extend_from_slice(&self.body);
        out
    }
}

fn read_chunks(from: &mut impl BufRead, body: &mut Vec<u8>) -> std::io::Result<()> {
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(std::io::Error::other)?;
        from.take(size).read_to_end(body)?;
        // The line end after a chunk; after the last one, of the trailer that nobody sends.
        from.read_line(&mut String::new())?;
        if size == 0 {
            return Ok(());
        }
    }
}

/// Serves one connection of a client until it ends or a fault ends it.
fn converse(mut client: TcpStream, state: &State) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut reader = BufReader::new(client.try_clone()?);
    while let Some(request) = Message::read(&mut reader, false)? {
        let n = state.count.fetch_add(1, Ordering::SeqCst);
        let calm = state.calm.load(Ordering::SeqCst);
        let fault = state.plan.fault(n).filter(|_| !calm);
        if let Some(fault) = fault {
            let what = request.first.split(['?', ' ']).take(2).collect::<Vec<_>>();
            state.harmed.lock().unwrap().push((fault, what.join(" ")));
        }
        let pass = || forward(&request, &state.behind);
        let whole = |reply: &Message| reply.bytes("Connection: keep-alive\r\n");
        match fault {
            None => client.write_all(&whole(&pass()?))?,
            Some(Fault::LostRequest) => return client.shutdown(Shutdown::Both),
            Some(Fault::LostReply) => {
                pass()?;
                return client.shutdown(Shutdown::Both);
            }
            Some(Fault::CutReply) => {
                let reply = pass()?;
                let bytes = whole(&reply);
                // At least the last byte is missing, also of a reply without a body.
                let kept = (bytes.len() - reply.body.len() / 2).min(bytes.len() - 1);
                client.write_all(&bytes[..kept])?;
                return client.shutdown(Shutdown::Both);
            }
            Some(Fault::CutHead) => {
                let bytes = whole(&pass()?);
                client.write_all(&bytes[..20.min(bytes.len())])?;
                return client.shutdown(Shutdown::Both);
            }
            Some(Fault::Twice) => {
                pass()?;
                client.write_all(&whole(&pass()?))?;
            }
            Some(Fault::TwiceFirst) => {
                let first = pass()?;
                pass()?;
                client.write_all(&whole(&first))?;
            }
            Some(Fault::LateReply) => {
                let reply = pass()?;
                // Until the client hangs up; bounded, for a client that never does.
                client.set_read_timeout(Some(Duration::from_secs(60)))?;
                let _ = reader.read(&mut [0]);
                let _ = client.write_all(&whole(&reply));
                return Ok(());
            }
            Some(Fault::Slow) => {
                std::thread::sleep(Duration::from_millis(n % 7 * 5));
                let reply = pass()?;
                std::thread::sleep(Duration::from_millis(n % 5 * 5));
                client.write_all(&whole(&reply))?;
            }
            Some(Fault::Unavailable) => client.write_all(
                b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
            )?,
            Some(Fault::BadGateway) => {
                pass()?;
                client.write_all(
                    b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 24\r\n\r\n\
                      <h1>502 Bad Gateway</h1>",
                )?;
            }
        }
    }
    Ok(())
}

/// Passes a request on and reads the whole reply.
fn forward(request: &Message, behind: &str) -> std::io::Result<Message> {
    let mut server = TcpStream::connect(behind)?;
    server.set_nodelay(true)?;
    server.set_read_timeout(Some(Duration::from_secs(60)))?;
    server.write_all(&request.bytes(&format!("Host: {behind}\r\nConnection: close\r\n")))?;
    Message::read(&mut BufReader::new(server), true)?
        .ok_or_else(|| std::io::Error::other("the server closed the connection"))
}

mod tests {
    use super::*;
    use crate::mlflow_client::{client_at, run_id};
    use crate::services::{self, needs_servers, unique};
    use chrono::DateTime;
    use netsec::runtime::block_on;
    use netsec::tracking::mlflow::{
        ArtifactPath, ArtifactRoot, Metric, NewRun, Options, Policy, Problem, batches, retrying,
    };

    /// A server that counts, and answers every request with an empty object.
    fn counting() -> (String, Arc<AtomicU64>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let count = Arc::new(AtomicU64::new(0));
        let counted = count.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                if let Ok(Some(_)) = Message::read(&mut reader, false) {
                    counted.fetch_add(1, Ordering::SeqCst);
                    let mut stream = stream;
                    let _ = stream.write_all(
                        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
                    );
                }
            }
        });
        (format!("http://{address}/a/b.mlflow"), count)
    }

    #[test]
    fn every_fault_does_what_it_says() {
        let options = Options {
            call: Duration::from_millis(400),
            ..Options::default()
        };
        for fault in Fault::ALL {
            let (behind, count) = counting();
            let proxy = FaultProxy::always(&behind, fault);
            let client = client_at(&proxy.uri(), options);
            let result = block_on(client.delete_run(&run_id("abc"))).unwrap();
            let passed = count.load(Ordering::SeqCst);
            let problem = result.err().map(|e| e.problem);
            let (wanted, fine) = match fault {
                Fault::LostRequest => (0, problem == Some(Problem::Interrupted)),
                Fault::LostReply | Fault::CutReply | Fault::CutHead => {
                    (1, problem == Some(Problem::Interrupted))
                }
                Fault::Twice | Fault::TwiceFirst => (2, problem.is_none()),
                Fault::LateReply => (1, matches!(problem, Some(Problem::Timeout { .. }))),
                Fault::Slow => (1, problem.is_none()),
                Fault::Unavailable => (
                    0,
                    matches!(problem, Some(Problem::Server { status: 503, .. })),
                ),
                Fault::BadGateway => (
                    1,
                    matches!(problem, Some(Problem::Server { status: 502, .. })),
                ),
            };
            assert!(fine, "{fault:?}: {problem:?}");
            assert_eq!(passed, wanted, "{fault:?}");
            let line = "POST /a/b.mlflow/api/2.0/mlflow/runs/delete".to_owned();
            assert_eq!(proxy.harmed(), [(fault, line)]);
            proxy.calm();
            block_on(client.delete_run(&run_id("abc")))
                .unwrap()
                .unwrap();
            assert_eq!((proxy.requests(), proxy.harmed().len()), (2, 1));
        }
    }

    #[test]
    fn a_seed_gives_every_fault_and_the_same_ones_again() {
        for seed in 0..20 {
            let faults = |seed| {
                (0..400)
                    .map(|n| Plan::Seed(seed).fault(n))
                    .collect::<Vec<_>>()
            };
            assert_eq!(faults(seed), faults(seed));
            assert_ne!(faults(seed), faults(seed + 1));
            for fault in Fault::ALL {
                assert!(faults(seed).contains(&Some(fault)), "{seed}: {fault:?}");
            }
            let harmed = faults(seed).iter().flatten().count();
            assert!((80..190).contains(&harmed), "{harmed}");
        }
    }

    #[test]
    fn metrics_and_files_arrive_exactly_once_through_faults() {
        needs_servers!();
        let behind = services::mlflow().uri;
        let direct = client_at(&behind, Options::default());
        let policy = Policy {
            tries: 100,
            first: Duration::from_millis(1),
            longest: Duration::from_millis(20),
        };
        let options = Options {
            call: Duration::from_secs(3),
            ..Options::default()
        };
        let content: Vec<u8> = (0..300_000u32).map(|i| (i / 7) as u8).collect();
        block_on(async {
            let experiment = direct.ensure_experiment(&unique("faults")).await.unwrap();
            // The first one harms nothing: what it leaves is what all others must leave.
            for proxy in [
                FaultProxy::faithful(&behind),
                FaultProxy::with_faults(&behind, 1),
                FaultProxy::with_faults(&behind, 2),
            ] {
                let run = NewRun {
                    experiment_id: experiment.clone(),
                    run_name: unique("run"),
                    start_time: 1,
                    user_id: None,
                    tags: Vec::new(),
                };
                let run = direct.create_run(&run).await.unwrap().info;
                let client = client_at(&proxy.uri(), options);
                for step in 0..20 {
                    let at = DateTime::from_timestamp_millis(1_795_352_250_000 + step).unwrap();
                    let metric = Metric::new("loss", 1.0 / (step + 1) as f64, at, step);
                    for batch in batches(&run.run_id, vec![metric], Vec::new(), Vec::new()) {
                        retrying(policy, || client.log_batch(&batch)).await.unwrap();
                    }
                }
                let root = ArtifactRoot::parse(&run.artifact_uri).unwrap();
                let path = ArtifactPath::new("model/model.bin").unwrap();
                retrying(policy, || client.put_bytes(&root, &path, content.clone()))
                    .await
                    .unwrap();
                let history = direct.metric_history(&run.run_id, "loss").await.unwrap();
                let steps: Vec<i64> = history.iter().map(Metric::step).collect();
                assert_eq!(steps, (0..20).collect::<Vec<_>>());
                assert!(direct.artifact(&root, &path, 1 << 20).await.unwrap() == content);
                let faithful = matches!(proxy.state.plan, Plan::Never);
                assert_eq!(proxy.harmed().is_empty(), faithful);
                assert_eq!(proxy.requests() == 21, faithful);
            }
        })
        .unwrap();
    }
}
