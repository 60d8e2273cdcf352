//! Hostile bodies and connections: always a clear 4xx, never a dead service.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::client::{Client, get, post};
use super::{Service, with_champion};

#[test]
fn whatever_comes_is_answered_clearly_and_the_service_lives() {
    let project = with_champion();
    let service = Service::start_with(
        &project,
        &[
            ("NETSEC_SERVE__MAX_BODY_MIB", "2"),
            ("NETSEC_SERVE__MAX_ROWS", "10000"),
            ("NETSEC_SERVE__HEADER_SECONDS", "1"),
            ("NETSEC_SERVE__BODY_SECONDS", "1"),
        ],
    );
    let at = service.address;

    // Too large, declared and not.
    let large = "x".repeat(5 << 20);
    let reply = post(at, "/predict", "text/csv", &large);
    assert_eq!(reply.status, 413, "{}", reply.text());
    let mut client = Client::connect(at).unwrap();
    let head = format!(
        "POST /predict HTTP/1.1\r\nHost: {at}\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    client.raw().write_all(head.as_bytes()).unwrap();
    for _ in 0..40 {
        client.raw().write_all(b"20000\r\n").unwrap();
        client
            .raw()
            .write_all(&large.as_bytes()[..0x20000])
            .unwrap();
        client.raw().write_all(b"\r\n").unwrap();
    }
    client.raw().write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(client.reply().unwrap().status, 413);

    // Too many rows.
    let rows = format!(
        "duration,bytes,service,flags\n{}",
        "1,2,http,3\n".repeat(10_001)
    );
    let reply = post(at, "/predict", "text/csv", &rows);
    assert_eq!(reply.status, 413, "{}", reply.text());
    assert!(reply.text().contains("10000"));

    // Slow: a head that never ends, and a body that does not come.
    let mut head = TcpStream::connect(at).unwrap();
    head.write_all(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nX: ")
        .unwrap();
    head.set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let mut said = Vec::new();
    let _ = head.read_to_end(&mut said);
    let said = String::from_utf8_lossy(&said);
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    assert!(said.ends_with("\"code\":\"too_slow\"}"), "{said}");
    // One that says nothing is closed without a word.
    let mut idle = TcpStream::connect(at).unwrap();
    idle.set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let mut said = Vec::new();
    idle.read_to_end(&mut said).unwrap();
    assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
    let mut client = Client::connect(at).unwrap();
    let head = format!(
        "POST /predict HTTP/1.1\r\nHost: {at}\r\nContent-Type: text/csv\r\nContent-Length: 1000\r\n\r\nduration"
    );
    client.raw().write_all(head.as_bytes()).unwrap();
    let reply = client.reply().unwrap();
    assert_eq!(reply.status, 408, "{}", reply.text());

    // No HTTP at all, and heads that are none.
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(),
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let mut stream = TcpStream::connect(at).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(bytes).unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        let said = String::from_utf8_lossy(&said);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    }
    let long = format!("/{}", "a".repeat(100_000));
    let reply = Client::connect(at).unwrap().get(&long);
    assert!(reply.map_or(true, |r| (400..500).contains(&r.status)));

    // Paths that try to lead elsewhere.
    for path in [
        "/../../etc/passwd",
        "/runs/../../etc/passwd",
        "/runs/..%2f..%2fetc%2fpasswd",
        "/runs/%2e%2e",
        "/runs/..",
        "/v2/models/..%2f..%2fetc/versions/passwd",
        "//evil.example.org/x",
        "/docs/../../config.toml",
    ] {
        let reply = get(at, path);
        assert!(
            (400..500).contains(&reply.status),
            "{path} {}",
            reply.status
        );
        assert!(!reply.text().contains("root:"), "{path}");
    }
    let absolute = Client::connect(at)
        .unwrap()
        .get("http://evil.example.org/runs");
    assert!(absolute.map_or(true, |r| (400..500).contains(&r.status) || r.status == 200));

    // Wrong types, damaged text, floods of nesting.
    for (media, body) in [
        ("application/json", "[".repeat(1 << 20)),
        (
            "application/json",
            format!("[{}1{}]", "{\"duration\":".repeat(5_000), "}".repeat(5_000)),
        ),
        (
            "application/json",
            "{\"rows\": \"http://127.0.0.1:1/x\"}".to_owned(),
        ),
        ("application/json", "\u{feff}[]".to_owned()),
        ("text/csv", "\u{0}".repeat(1_000)),
        ("text/csv", ",".repeat(1 << 20)),
        ("text/csv", "\"".repeat(1 << 20)),
        (
            "text/csv",
            "duration,bytes,service,flags\n\"1,2,http,3\n".to_owned(),
        ),
        ("text/csv", "\r".repeat(1 << 20)),
        ("multipart/form-data; boundary=x", "--x".repeat(100_000)),
        ("application/x-python-pickle", "cos\nsystem\n".to_owned()),
        ("", "x".to_owned()),
    ] {
        let reply = post(at, "/predict", media, &body);
        assert!(
            (400..500).contains(&reply.status),
            "{media} {:.40} {}",
            body,
            reply.status
        );
        assert!(reply.json()["error"].is_string());
    }

    // All of that later it scores.
    let good = post(
        at,
        "/predict",
        "text/csv",
        "duration,bytes,service,flags\n1,2,http,3\n",
    );
    assert_eq!(good.status, 200, "{}", good.text());
    let metrics = get(at, "/metrics").text();
    let counted = |line: &str| {
        metrics
            .lines()
            .any(|l| l.starts_with(line) && !l.ends_with(" 0"))
    };
    for line in [
        "netsec_schema_rejections_total{rule=\"too_large\"}",
        "netsec_schema_rejections_total{rule=\"malformed\"}",
        "netsec_refused_requests_total{reason=\"too_slow\"}",
    ] {
        assert!(counted(line), "{line}\n{metrics}");
    }
    assert!(!metrics.contains("code=\"500\""), "{metrics}");
}

#[test]
fn too_much_at_once_is_told_to_come_back() {
    let project = with_champion();
    let service = Service::start_with(
        &project,
        &[
            ("NETSEC_SERVE__MAX_BODY_MIB", "1"),
            ("NETSEC_SERVE__MAX_BODIES_MIB", "1"),
            ("NETSEC_SERVE__MAX_CONNECTIONS", "6"),
        ],
    );
    let at = service.address;
    // One body takes all the room there is, and stays half sent. A probe may come before it and
    // turn it away instead: then the next one tries.
    let size = 1 << 20;
    let head = format!(
        "POST /predict HTTP/1.1\r\nHost: {at}\r\nContent-Type: text/csv\r\nContent-Length: {size}\r\n\r\n"
    );
    let mut holder = None;
    crate::harness::wait_until("the room to be taken", || {
        drop(holder.take());
        let mut next = Client::connect(at).unwrap();
        let sent = next
            .raw()
            .write_all(head.as_bytes())
            .and_then(|()| next.raw().write_all(&vec![b'x'; size - 1]));
        std::thread::sleep(Duration::from_millis(100));
        holder = Some(next);
        let probe = Client::connect(at)
            .and_then(|mut c| c.post("/predict", "text/csv", "y".repeat(100_000).as_bytes()));
        sent.is_ok()
            && probe.is_ok_and(|reply| {
                reply.status == 503
                    && reply.header("retry-after").is_some()
                    && reply.json()["code"] == "busy"
            })
    });
    // Connections too many are told so.
    let mut others = Vec::new();
    crate::harness::wait_until("a connection too many", || {
        let mut other = Client::connect(at).unwrap();
        match other.get("/live") {
            Ok(reply) if reply.status == 503 => {
                assert_eq!(reply.json()["code"], "overloaded");
                true
            }
            // Turned away before the request was written.
            Err(_) => false,
            Ok(reply) => {
                assert_eq!(reply.status, 200);
                others.push(other);
                false
            }
        }
    });
    assert!(others.len() <= 5, "{}", others.len());
}
