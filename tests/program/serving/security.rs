//! Tokens, addresses, TLS and starting a retrain.

use std::path::Path;
use std::process::Command;

use super::client::{Client, get};
use super::{Service, with_champion};
use crate::harness::{Project, text, wait_until};

const TRAIN: &str = "a-token-that-may-train";
const READ: &str = "a-token-that-may-read";

#[test]
fn other_addresses_than_loopback_need_tokens() {
    let project = with_champion();
    for address in ["0.0.0.0:0", "[::]:0", "nowhere"] {
        let output = project.run(&["serve", "--listen", address]);
        assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    }
    let wrong = "a:predict:top-secret-but-wrong b:admin:top-secret-too-long";
    let output = project
        .netsec(&["serve", "--listen", "127.0.0.1:0"])
        .env("NETSEC_SERVE_TOKENS", wrong)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output).contains("entry 2"), "{}", text(&output));
    assert!(!text(&output).contains("top-secret"), "{}", text(&output));
}

#[test]
fn a_retrain_is_started_by_token_and_one_at_a_time() {
    let project = with_champion();
    let config = std::fs::read_to_string(project.config()).unwrap();
    std::fs::write(
        project.config(),
        config.replace("trees = 5", "trees = 1000000"),
    )
    .unwrap();
    let tokens = format!(
        "ci:train:{TRAIN} mara:read:sha256={}",
        netsec::hash::sha256(READ.as_bytes())
    );
    let mut service = Service::start_with(&project, &[("NETSEC_SERVE_TOKENS", &tokens)]);
    let at = service.address;
    let with = |token: &str| Client::connect(at).unwrap().with_token(token);
    assert_eq!(get(at, "/train").status, 405);
    assert_eq!(
        Client::connect(at)
            .unwrap()
            .post("/train", "application/json", b"{}")
            .unwrap()
            .status,
        401
    );
    assert_eq!(
        with(READ)
            .post("/train", "application/json", b"{}")
            .unwrap()
            .status,
        403
    );
    let reply = with(TRAIN)
        .post(
            "/train",
            "application/json",
            br#"{"note": "from \u001b[31mthe api"}"#,
        )
        .unwrap();
    assert_eq!(reply.status, 202, "{}", reply.text());
    let run = reply.json()["run_id"].as_str().unwrap().to_owned();
    assert_eq!(
        reply.header("location"),
        Some(format!("/runs/{run}").as_str())
    );
    let again = with(TRAIN).post("/train", "application/json", b"").unwrap();
    assert_eq!(again.status, 409, "{}", again.text());
    assert!(again.text().contains(&run));
    let shown = with(READ).get(&format!("/runs/{run}")).unwrap().json();
    assert_eq!(shown["run_id"], run.as_str());
    let entry = with(READ).get("/runs?limit=1").unwrap().json()[0].clone();
    assert_eq!(entry["by"], "ci");
    assert_eq!(entry["note"], "from ?[31mthe api");

    // The worker goes on without the service, and knows nothing of its tokens.
    service.terminate();
    assert_eq!(service.wait().code(), Some(0));
    let run = run.parse().unwrap();
    assert!(project.view(&run).liveness.is_held());
    let holder = netsec::runs::last_holder(&project.run_dir(&run)).unwrap();
    let environ = std::fs::read(format!("/proc/{}/environ", holder.pid)).unwrap();
    assert!(!String::from_utf8_lossy(&environ).contains(TRAIN));
    assert!(project.run(&["cancel", run.as_str()]).status.success());
    wait_until("the worker to end", || {
        !project.view(&run).liveness.is_held()
    });
    // And no secret stands in anything that was written.
    let mut folders = vec![project.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                let found = bytes.windows(TRAIN.len()).any(|w| w == TRAIN.as_bytes());
                assert!(!found, "{}", path.display());
            }
        }
    }
}

/// A certificate of its own authority for 127.0.0.1; `false` where openssl is not there.
fn certificate(folder: &Path) -> bool {
    Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args([
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ])
        .args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"])
        .current_dir(folder)
        .output()
        .is_ok_and(|output| output.status.success())
}

fn tls_env() -> [(&'static str, &'static str); 2] {
    [
        ("NETSEC_SERVE__TLS_CERT", "cert.pem"),
        ("NETSEC_SERVE__TLS_KEY", "key.pem"),
    ]
}

fn healthcheck(project: &Project, address: &str) -> std::process::Output {
    project
        .netsec(&["healthcheck", address])
        .envs(tls_env())
        .output()
        .unwrap()
}

#[test]
fn tls_is_spoken_where_it_is_configured() {
    let project = with_champion();
    if !certificate(project.path()) {
        println!("skipped: needs openssl (tls_is_spoken_where_it_is_configured)");
        return;
    }
    let service = Service::start_with(&project, &tls_env());
    let address = service.address.to_string();
    let checked = healthcheck(&project, &address);
    assert!(checked.status.success(), "{}", text(&checked));
    // Plain HTTP gets no reply.
    assert!(
        Client::connect(service.address)
            .unwrap()
            .get("/ping")
            .is_err()
    );
    // Another certificate than the configured one is noticed.
    assert!(certificate(project.path()));
    let other = healthcheck(&project, &address);
    assert_eq!(other.status.code(), Some(6), "{}", text(&other));
    // A key of another certificate is refused at the start, without a word of it.
    let key = std::fs::read_to_string(project.path().join("key.pem")).unwrap();
    assert!(certificate(project.path()));
    std::fs::write(project.path().join("key.pem"), &key).unwrap();
    let output = project
        .netsec(&["serve", "--listen", "127.0.0.1:0"])
        .envs(tls_env())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(!text(&output).contains(key.lines().nth(1).unwrap()));
}
