//! SHA-256 of bytes, files and JSON values, as lower-case hex.

use std::io::Read;
use std::path::Path;

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Lower-case hex of bytes.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// SHA-256 of bytes.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of a file's bytes, read in pieces.
pub fn sha256_file(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..n]);
    }
}

/// SHA-256 of a value's canonical JSON: keys sorted, no white space.
pub fn sha256_json<T: Serialize>(value: &T) -> String {
    // serde_json's Map is a BTreeMap (`preserve_order` is off), so going through Value sorts keys.
    let value = serde_json::to_value(value)
        .expect("our own types have string keys and no failing Serialize");
    sha256(value.to_string().as_bytes())
}
