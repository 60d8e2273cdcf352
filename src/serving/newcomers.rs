//! No new connections at a listener, while those that wait in its queue are still taken.
//!
//! The kernel finishes handshakes by itself: between the last accept and the close of a listener
//! connections are made that nobody ever takes, and the close resets them, requests and all. Linux
//! lets a program look at what arrives at its socket: first the beginnings of connections are passed
//! over, then the queue is emptied, then the listener is closed. Whoever was passed over asks again
//! within a second and is refused, as by a service that is not there.

use tokio::net::TcpListener;

/// Passes over whatever would begin a new connection. Where the system cannot do so nothing changes.
pub fn pass_over(listener: &TcpListener) {
    if let Err(error) = filter(listener) {
        tracing::debug!(%error, "connections are still made while the service ends");
    }
}

#[cfg(target_os = "linux")]
fn filter(listener: &TcpListener) -> std::io::Result<()> {
    use socket2::{SockFilter, SockRef};
    /// Where the flags of a TCP segment stand, and which of them begin and confirm a connection.
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    // Instructions of the classic packet filter, by the kernel's numbers.
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    SockRef::from(listener).attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        // Nothing of it is kept, or all.
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

#[cfg(not(target_os = "linux"))]
fn filter(_: &TcpListener) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::time::timeout;

    #[tokio::test]
    async fn who_waits_is_taken_and_who_comes_later_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut early = Vec::new();
        for _ in 0..20 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"?").await.unwrap();
            early.push(stream);
        }
        pass_over(&listener);
        let late = tokio::spawn(TcpStream::connect(address));
        let mut taken = Vec::new();
        while let Ok(accepted) = timeout(Duration::from_millis(100), listener.accept()).await {
            let (mut stream, _) = accepted.unwrap();
            // What was taken works as ever.
            let mut asked = [0];
            stream.read_exact(&mut asked).await.unwrap();
            stream.write_all(b"!").await.unwrap();
            taken.push(stream);
        }
        assert_eq!(taken.len(), early.len());
        drop(listener);
        for mut stream in early {
            let mut answer = [0];
            stream.read_exact(&mut answer).await.unwrap();
        }
        let refused = late.await.unwrap().unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    }
}
