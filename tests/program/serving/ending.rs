//! SIGTERM: what is in flight is finished, and the process ends well.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::client::Client;
use super::{Service, with_champion};
use crate::harness::{flows, wait_until};

#[test]
fn requests_in_flight_are_finished_and_the_exit_is_clean() {
    let project = with_champion();
    let mut service = Service::start(&project);
    let address = service.address;
    // One request is half sent when the end is said.
    let body = flows(5_000);
    let mut slow = Client::connect(address).unwrap();
    let head = format!(
        "POST /predict HTTP/1.1\r\nHost: {address}\r\nContent-Type: text/csv\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let (first, rest) = body.as_bytes().split_at(body.len() / 2);
    slow.raw().write_all(head.as_bytes()).unwrap();
    slow.raw().write_all(first).unwrap();

    let told = Arc::new(AtomicBool::new(false));
    // Small ones come so often that some are always in the listener's queue.
    let threads: Vec<_> = [2_000, 2_000, 20, 20, 20, 20, 20, 20]
        .into_iter()
        .map(|rows| {
            let told = Arc::clone(&told);
            let body = flows(rows);
            std::thread::spawn(move || -> Result<u32, String> {
                let mut done = 0;
                loop {
                    // A connection each: it is either refused or answered in full.
                    let Ok(mut client) = Client::connect(address) else {
                        return if told.load(Ordering::SeqCst) {
                            Ok(done)
                        } else {
                            Err("refused too early".to_owned())
                        };
                    };
                    match client.post("/predict", "text/csv", body.as_bytes()) {
                        Ok(reply) if reply.status == 200 => {
                            if reply.text().lines().count() != rows as usize + 1 {
                                return Err("a reply was cut".to_owned());
                            }
                            done += 1;
                        }
                        Ok(reply) => return Err(format!("{} {}", reply.status, reply.text())),
                        // Who was let in is answered, told or not.
                        Err(e) => return Err(format!("a connection broke off: {e}")),
                    }
                }
            })
        })
        .collect();
    std::thread::sleep(std::time::Duration::from_millis(300));
    told.store(true, Ordering::SeqCst);
    service.terminate();
    service.wait_for_said("ending");
    // It waits for the half one.
    wait_until("the listener to be closed", || {
        Client::connect(address).is_err()
    });
    assert!(service.is_running());
    slow.raw().write_all(rest).unwrap();
    let reply = slow.reply().unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.text().lines().count(), 5_001);
    let done: u32 = threads
        .into_iter()
        .map(|t| t.join().unwrap().unwrap())
        .sum();
    assert!(done > 0);
    assert_eq!(service.wait().code(), Some(0), "{:?}", service.said());
    assert!(service.said().iter().any(|line| line == "ended"));
}

#[test]
fn what_is_not_done_in_time_is_cut_and_told() {
    let project = with_champion();
    let mut service = Service::start_with(&project, &[("NETSEC_SERVE__DRAIN_SECONDS", "1")]);
    let address = service.address;
    let mut slow = Client::connect(address).unwrap();
    let head = format!(
        "POST /predict HTTP/1.1\r\nHost: {address}\r\nContent-Type: text/csv\r\nContent-Length: 100\r\n\r\nx"
    );
    slow.raw().write_all(head.as_bytes()).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(100));
    service.terminate();
    assert_eq!(service.wait().code(), Some(0));
    // The last line is read by a thread of its own, which may be a moment behind.
    wait_until("the connection that was cut", || {
        let said = service.said();
        said.iter()
            .any(|line| line.contains("1 connections were cut"))
    });
}
