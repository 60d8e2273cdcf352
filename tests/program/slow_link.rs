//! A slow line between netsec and a server: a relay on loopback that lets through so many bytes a
//! second, so that reading can be interrupted in its middle.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A relay; it serves until the test binary ends.
pub struct SlowLink {
    address: String,
    /// Bytes a second; 0 = all there are.
    pace: Arc<AtomicU64>,
}

impl SlowLink {
    /// Relays to an address of a server.
    pub fn to(server: &str, pace: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let pace = Arc::new(AtomicU64::new(pace));
        let (server, shared) = (server.to_owned(), Arc::clone(&pace));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (server, pace) = (server.clone(), Arc::clone(&shared));
                std::thread::spawn(move || {
                    // Refused: the client sees its connection close, as with a server that died.
                    let Ok(upstream) = TcpStream::connect(server) else {
                        return;
                    };
                    let (mut from, mut to) =
                        (client.try_clone().unwrap(), upstream.try_clone().unwrap());
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                    relay(upstream, client, &pace);
                });
            }
        });
        Self { address, pace }
    }

    /// Sets the pace; 0 = as fast as it goes.
    pub fn set_pace(&self, pace: u64) {
        self.pace.store(pace, Ordering::Relaxed);
    }

    /// A server's address as it is reached through here.
    pub fn uri(&self, uri: &str, server: &str) -> String {
        assert!(uri.contains(server), "the address of the server in {uri}");
        let (front, _) = uri.split_once('?').unwrap_or((uri, ""));
        format!(
            "{}?directConnection=true&authSource=admin&serverSelectionTimeoutMS=500",
            front.replace(server, &self.address)
        )
    }
}

fn relay(mut from: TcpStream, mut to: TcpStream, pace: &AtomicU64) {
    const STEP: u64 = 16 * 1024;
    let mut buffer = vec![0; STEP as usize];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        // Small answers pass at once: logging in is not what should be slow.
        let pace = pace.load(Ordering::Relaxed);
        if pace > 0 && n > 4096 {
            std::thread::sleep(Duration::from_micros(n as u64 * 1_000_000 / pace));
        }
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
