//! The client against a small server in this process that answers what a test tells it to: every
//! shape of error, without a real server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::Utc;

use super::*;
use crate::error::{CommandError, ErrorKind};
use crate::runtime::block_on;

/// A request as it arrived.
#[derive(Clone, Debug)]
struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }
}

/// What the server does with a request.
enum Act {
    /// Writes these bytes and closes.
    Write(Vec<u8>),
    /// Writes these bytes again and again until the client has enough.
    WriteForEver(Vec<u8>),
    /// Says nothing until the client goes away.
    Hold,
}

struct Scripted {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Scripted {
    fn new(act: impl Fn(&Request) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, act) = (requests.clone(), Arc::new(act));
        // Ends with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, act) = (seen.clone(), act.clone());
                std::thread::spawn(move || serve(stream, &seen, &*act));
            }
        });
        Self { address, requests }
    }

    fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::new(move |_| Act::Write(bytes.clone()))
    }

    fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, seen: &Mutex<Vec<Request>>, act: &dyn Fn(&Request) -> Act) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    match reader.read_line(&mut line) {
        Ok(0) => return,
        Ok(_) => {}
        Err(_) => {
            // No text: somebody speaks TLS to us. Answered like a server that speaks none.
            let mut stream = stream;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
            return;
        }
    }
    let mut request = Request {
        line: line.trim_end().to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            break;
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        request.headers.push((name.to_owned(), value.to_owned()));
    }
    let length = request
        .header("content-length")
        .map_or(0, |n| n.parse().unwrap());
    request.body.resize(length, 0);
    if reader.read_exact(&mut request.body).is_err() {
        return;
    }
    seen.lock().unwrap().push(request.clone());
    let mut stream = stream;
    match act(&request) {
        Act::Write(bytes) => {
            let _ = stream.write_all(&bytes);
        }
        Act::WriteForEver(bytes) => while stream.write_all(&bytes).is_ok() {},
        Act::Hold => {
            let _ = stream.read(&mut [0]);
        }
    }
}

fn http(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn json(body: &str) -> Vec<u8> {
    http("200 OK", "Content-Type: application/json\r\n", body)
}

fn client_with(uri: &str, vars: &[(&str, &str)], options: Options) -> Client {
    let server = Server::resolve(Some(uri), &|name| {
        vars.iter()
            .find(|(n, _)| *n == name)
            .map(|(_, v)| (*v).to_owned())
    });
    Client::new(server.unwrap().unwrap(), options).unwrap()
}

fn client(server: &Scripted) -> Client {
    client_with(
        &server.uri(),
        &[
            ("MLFLOW_TRACKING_USERNAME", "ann"),
            ("MLFLOW_TRACKING_PASSWORD", "hunter2"),
        ],
        Options::default(),
    )
}

fn run_id() -> MlflowRunId {
    MlflowRunId::new("abc").unwrap()
}

/// What a call on a server comes to.
fn problem_with(client: &Client) -> Problem {
    let error = block_on(client.run(&run_id())).unwrap().unwrap_err();
    assert_eq!(error.call, Endpoint::RunsGet);
    let shown = CommandError::from(error.clone());
    assert_eq!(shown.kind, ErrorKind::Backend);
    assert!(!shown.hints.is_empty());
    let text = format!("{shown} {error:?} {:?}", shown.hints);
    for secret in ["hunter2", "YW5uOmh1bnRlcjI"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(text.contains(client.address()), "{text}");
    error.problem
}

fn problem(bytes: impl Into<Vec<u8>>) -> Problem {
    problem_with(&client(&Scripted::saying(bytes)))
}

#[test]
fn another_program_answers() {
    let page = "<!doctype html><html><title>Grafana</title>hunter2</html>";
    let saw = |p| match p {
        Problem::NotMlflow { saw } => saw,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        saw(problem(http("200 OK", "Content-Type: text/html\r\n", page))),
        "200, text/html, `Grafana`"
    );
    assert_eq!(
        saw(problem(json(r#"{"status": "hunter2 \u001b]0;x"}"#))),
        r#"200, application/json, `{"status": "*** \u001b]0;x"}`"#
    );
    assert_eq!(saw(problem(json("[]"))), "200, application/json, `[]`");
    assert_eq!(
        saw(problem("SSH-2.0-OpenSSH_9.2p1\r\n\r\n")),
        "it does not speak HTTP, or only HTTPS"
    );
    // The reply to a call whose reply says nothing is looked at too.
    let server = Scripted::saying(http("200 OK", "", "<title>Portal</title>"));
    let told = block_on(client(&server).delete_run(&run_id())).unwrap();
    assert!(matches!(
        told.unwrap_err().problem,
        Problem::NotMlflow { .. }
    ));
}

#[test]
fn refusals() {
    let html = "Content-Type: text/html\r\n";
    let echo = "You sent Basic YW5uOmh1bnRlcjI= to us";
    assert_eq!(
        problem(http("401 Unauthorized", html, echo)),
        Problem::Unauthorized {
            said: "You sent Basic *** to us".to_owned(),
            sent: true
        }
    );
    let nobody = client_with(
        &Scripted::saying(http("401 Unauthorized", html, "")).uri(),
        &[],
        Options::default(),
    );
    let unsent = problem_with(&nobody);
    assert!(unsent.hint().contains("MLFLOW_TRACKING_USERNAME"));
    assert_eq!(
        problem(http(
            "403 Forbidden",
            "Content-Type: text/plain\r\n",
            "Permission denied"
        )),
        Problem::Forbidden {
            said: "Permission denied".to_owned()
        }
    );
    assert_eq!(
        problem(http("404 Not Found", html, "<h1>Not Found</h1>")),
        Problem::Unsupported { status: 404 }
    );
    assert_eq!(
        problem(http(
            "404 Not Found",
            "",
            r#"{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Run 'abc' not found"}"#
        )),
        Problem::NotFound {
            said: "Run 'abc' not found".to_owned()
        }
    );
    assert_eq!(
        problem(http("413 Too Large", html, "<title>413</title>")),
        Problem::Refused {
            status: 413,
            said: "413".to_owned()
        }
    );
}

#[test]
fn a_server_that_asks_to_wait() {
    assert_eq!(
        problem(http("429 Too Many Requests", "Retry-After: 7\r\n", "")),
        Problem::RateLimited {
            retry_after: Some(Duration::from_secs(7))
        }
    );
    let at = (Utc::now() + chrono::Duration::hours(1)).to_rfc2822();
    let at = at.replace("+0000", "GMT");
    let wait = problem(http(
        "429 Too Many Requests",
        &format!("Retry-After: {at}\r\n"),
        "",
    ));
    let wait = wait.retry_after().expect("a date is understood");
    assert!((3_000..=3_600).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(
        problem(http(
            "503 Service Unavailable",
            "Retry-After: 2\r\n",
            "busy"
        )),
        Problem::Server {
            status: 503,
            said: "busy".to_owned(),
            retry_after: Some(Duration::from_secs(2))
        }
    );
    assert!(matches!(
        problem(http("500 Internal Server Error", "", "<h1>Oops</h1>")),
        Problem::Server { status: 500, .. }
    ));
}

#[test]
fn connections_that_end_too_early() {
    assert_eq!(
        problem("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"run\": {"),
        Problem::Interrupted
    );
    assert_eq!(problem(""), Problem::Interrupted);
    assert_eq!(problem("HTTP/1.1 200 O"), Problem::Interrupted);
    assert_eq!(problem(json("{\"run\": {\"info\"")), Problem::Interrupted);
    // Half a page of an error is still that error.
    assert!(matches!(
        problem("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 500\r\n\r\n<html>"),
        Problem::Server { status: 502, .. }
    ));
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let unreachable = problem_with(&client_with(
        &format!("http://{gone}"),
        &[],
        Options::default(),
    ));
    assert_eq!(
        unreachable,
        Problem::Unreachable {
            reason: "nothing listens there (connection refused)"
        }
    );
    assert!(!unreachable.may_have_arrived() && Problem::Interrupted.may_have_arrived());
}

#[test]
fn a_server_that_never_answers() {
    let call = Duration::from_millis(100);
    let options = Options {
        call,
        ..Options::default()
    };
    for act in [|| Act::Hold, || Act::Write(b"HTTP/1.1 200 OK\r\n".to_vec())] {
        let server = Scripted::new(move |_| act());
        let problem = problem_with(&client_with(&server.uri(), &[], options));
        assert!(
            matches!(problem, Problem::Timeout { .. } | Problem::Interrupted),
            "{problem:?}"
        );
    }
    let server = Scripted::new(|_| Act::Hold);
    assert_eq!(
        problem_with(&client_with(&server.uri(), &[], options)),
        Problem::Timeout { after: call }
    );
}

#[test]
fn a_redirect_is_named_and_not_followed() {
    let elsewhere = Scripted::saying(json("{}"));
    let location = format!("Location: {}/login?key=hunter2\r\n", elsewhere.uri());
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        assert_eq!(
            problem(http(status, &location, "")),
            Problem::Redirected {
                to: format!("{}/login", elsewhere.uri())
            }
        );
    }
    assert!(elsewhere.requests().is_empty());
    let itself = Scripted::saying(http("302 Found", "Location: /login\r\n", ""));
    assert_eq!(
        problem_with(&client(&itself)),
        Problem::Redirected {
            to: "/login".to_owned()
        }
    );
    assert_eq!(itself.requests().len(), 1);
}

#[test]
fn half_an_error_means_nothing_unless_its_status_does() {
    let whole = r#"{"error_code": "RESOURCE_ALREADY_EXISTS", "message": "there is one"}"#;
    let framed = |status: &str, length: usize, body: &str| {
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        )
    };
    for sent in 0..whole.len() {
        let half = &whole[..sent];
        for status in ["400 Bad Request", "404 Not Found", "409 Conflict"] {
            let cut_off = framed(status, whole.len(), half);
            assert_eq!(problem(cut_off), Problem::Interrupted, "{status} {half}");
        }
        if sent > 0 {
            let by_a_proxy = framed("400 Bad Request", sent, half);
            assert_eq!(problem(by_a_proxy), Problem::Interrupted, "{half}");
        }
        let busy = problem(framed("503 Unavailable", whole.len(), half));
        assert!(
            matches!(busy, Problem::Server { status: 503, .. }),
            "{busy:?}"
        );
    }
    let told = problem(framed("400 Bad Request", whole.len(), whole));
    assert!(matches!(told, Problem::AlreadyExists { .. }), "{told:?}");
}

#[test]
fn a_reply_without_end_is_not_read() {
    let options = Options {
        reply_bytes: 100_000,
        ..Options::default()
    };
    for (status, wanted) in [("200 OK", None), ("500 Oops", Some(500))] {
        let begins =
            format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\n\r\n{{\"a\": \"");
        let first = Mutex::new(begins.into_bytes());
        let server = Scripted::new(move |_| {
            let mut bytes = std::mem::take(&mut *first.lock().unwrap());
            bytes.resize(1 << 16, b'x');
            Act::WriteForEver(bytes)
        });
        let problem = problem_with(&client_with(&server.uri(), &[], options));
        match wanted {
            None => assert_eq!(problem, Problem::TooLarge { limit: 100_000 }),
            Some(status) => {
                assert!(matches!(problem, Problem::Server { status: s, .. } if s == status));
            }
        }
    }
}

#[test]
fn https_where_none_is_spoken() {
    let server = Scripted::saying("HTTP/1.1 400 Bad Request\r\n\r\n");
    let uri = server.uri().replace("http:", "https:");
    let problem = problem_with(&client_with(&uri, &[], Options::default()));
    let Problem::Tls { reason } = &problem else {
        panic!("{problem:?}")
    };
    assert_eq!(reason, "what answers there does not speak TLS");
}

#[test]
fn requests_are_what_mlflow_expects() {
    let server = Scripted::saying(json("{}"));
    let uri = format!("{}/ann/flows.mlflow", server.uri());
    let token = [("MLFLOW_TRACKING_TOKEN", "t0ken")];
    let client = client_with(&uri, &token, Options::default());
    let tag = Tag::short("a key", "v'\"\n");
    block_on(client.set_tag(&run_id(), &tag)).unwrap().unwrap();
    block_on(client.experiment_by_name("a b&c=d/é"))
        .unwrap()
        .unwrap_err();
    let requests = server.requests();
    assert_eq!(
        requests[0].line,
        "POST /ann/flows.mlflow/api/2.0/mlflow/runs/set-tag HTTP/1.1"
    );
    assert_eq!(requests[0].header("authorization"), Some("Bearer t0ken"));
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
    let body: serde_json::Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({"run_id": "abc", "key": "a key", "value": "v'\"\n"})
    );
    assert_eq!(
        requests[1].line,
        "GET /ann/flows.mlflow/api/2.0/mlflow/experiments/get-by-name\
         ?experiment_name=a+b%26c%3Dd%2F%C3%A9 HTTP/1.1"
    );
}

#[test]
fn a_file_is_streamed_whole() {
    let server = Scripted::saying(http("200 OK", "", ""));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("model.onnx");
    let content: Vec<u8> = (0..700_001u32).map(|i| ((i * 31) >> 3) as u8).collect();
    std::fs::write(&file, &content).unwrap();
    let client = client(&server);
    let root = ArtifactRoot::parse("mlflow-artifacts:/1/abc/artifacts").unwrap();
    let path = ArtifactPath::new("model/größe 1.onnx").unwrap();
    block_on(client.put_file(&root, &path, &file))
        .unwrap()
        .unwrap();
    let request = &server.requests()[0];
    assert_eq!(
        request.line,
        "PUT /api/2.0/mlflow-artifacts/artifacts/1/abc/artifacts/model/gr%C3%B6%C3%9Fe%201.onnx HTTP/1.1"
    );
    assert_eq!(request.header("content-length"), Some("700001"));
    assert_eq!(request.header("transfer-encoding"), None);
    assert!(request.body == content);
    // An empty file is a file too.
    std::fs::write(&file, b"").unwrap();
    block_on(client.put_file(&root, &path, &file))
        .unwrap()
        .unwrap();
    assert_eq!(server.requests()[1].header("content-length"), Some("0"));
    for bad in [dir.path().join("none"), dir.path().to_owned()] {
        let error = block_on(client.put_file(&root, &path, &bad))
            .unwrap()
            .unwrap_err();
        assert!(
            matches!(error.problem, Problem::LocalFile { .. }),
            "{error}"
        );
    }
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_state_the_server_kept_is_said() {
    let server = Scripted::saying(json(
        r#"{"run_info": {"run_id": "abc", "experiment_id": "1", "status": "RUNNING"}}"#,
    ));
    let update = RunUpdate {
        status: RunStatus::Finished,
        ended_at: None,
    };
    let error = block_on(client(&server).update_run(&run_id(), &update))
        .unwrap()
        .unwrap_err();
    assert!(matches!(error.problem, Problem::Invalid { .. }), "{error}");
}

#[test]
fn an_id_that_is_none_is_not_passed_on() {
    let server = Scripted::saying(json(
        r#"{"run": {"info": {"run_id": "../../x", "experiment_id": "1", "status": "RUNNING"}}}"#,
    ));
    assert!(matches!(
        problem_with(&client(&server)),
        Problem::NotMlflow { .. }
    ));
}

#[test]
fn what_passes_is_tried_again_and_what_stays_is_not() {
    let count = Mutex::new(0);
    let server = Scripted::new(move |_| {
        let mut n = count.lock().unwrap();
        *n += 1;
        Act::Write(match *n {
            1 => http("503 Busy", "", ""),
            2 => Vec::new(),
            3 => json("{}"),
            _ => http(
                "400 Bad",
                "",
                r#"{"error_code": "INVALID_PARAMETER_VALUE", "message": "m"}"#,
            ),
        })
    });
    let policy = Policy {
        first: Duration::from_millis(1),
        ..Policy::default()
    };
    let (client, id) = (client(&server), run_id());
    block_on(retrying(policy, || client.delete_run(&id)))
        .unwrap()
        .unwrap();
    assert_eq!(server.requests().len(), 3);
    block_on(retrying(policy, || client.delete_run(&id)))
        .unwrap()
        .unwrap_err();
    assert_eq!(server.requests().len(), 4);
}

/// A server that has the calls whose path holds one of some words.
fn ladder(has: &'static [&'static str]) -> Capabilities {
    let server = Scripted::new(move |request| {
        Act::Write(if has.iter().any(|word| request.line.contains(word)) {
            http(
                "400 Bad",
                "",
                r#"{"error_code": "INVALID_PARAMETER_VALUE", "message": "m"}"#,
            )
        } else if request.line.contains("/version") {
            http("200 OK", "", "2.7.1\n")
        } else if request.line.contains("log-model") {
            http("500 Oops", "", "<h1>500</h1>")
        } else {
            http(
                "404 Not Found",
                "Content-Type: text/html\r\n",
                "<title>404</title>",
            )
        })
    });
    block_on(client(&server).capabilities()).unwrap()
}

#[test]
fn the_ladder_is_probed() {
    let full = ladder(&[
        "experiments",
        "registered-models",
        "logged-models",
        "log-model",
    ]);
    assert_eq!(
        (full.level, full.version.as_deref()),
        (Capability::Full, Some("2.7.1"))
    );
    let middle = ladder(&["experiments", "registered-models", "log-model"]);
    assert_eq!(middle.level, Capability::Registry);
    let low = ladder(&["experiments", "registered-models"]);
    assert_eq!(low.level, Capability::Runs);
    assert_eq!(ladder(&["experiments"]).level, Capability::Runs);
    let none = ladder(&[]);
    assert_eq!(none.level, Capability::Offline);
    assert!(matches!(
        none.problem.unwrap().problem,
        Problem::NotMlflow { .. }
    ));
    let server = Scripted::saying(http("503 Busy", "", ""));
    let busy = block_on(client(&server).capabilities()).unwrap();
    assert_eq!(busy.level, Capability::Offline);
    assert!(matches!(
        busy.problem.unwrap().problem,
        Problem::Server { .. }
    ));
}
