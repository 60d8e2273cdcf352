//! Copying through the terminal, OSC 52: the text travels to the clipboard of the machine the
//! person sits at, also over SSH. Nobody answers, so a copy is "sent", never "done".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Encoded bytes that terminals are known to take; xterm and tmux drop longer sequences whole.
pub const MOST: usize = 74_994;

/// The bytes that ask the terminal to copy a text, or `None` when it is too long.
///
/// Inside tmux the sequence is wrapped so that it reaches the terminal around it as well.
pub fn sequence(text: &str, tmux: bool) -> Option<Vec<u8>> {
    let encoded = STANDARD.encode(text);
    if encoded.len() > MOST {
        return None;
    }
    let plain = format!("\x1b]52;c;{encoded}\x07");
    Some(if tmux {
        let doubled = plain.replace('\x1b', "\x1b\x1b");
        format!("\x1bPtmux;{doubled}\x1b\\").into_bytes()
    } else {
        plain.into_bytes()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_encoded_and_wrapped() {
        assert_eq!(
            sequence("netsec runs", false).unwrap(),
            b"\x1b]52;c;bmV0c2VjIHJ1bnM=\x07"
        );
        assert_eq!(
            sequence("a", true).unwrap(),
            b"\x1bPtmux;\x1b\x1b]52;c;YQ==\x07\x1b\\"
        );
    }

    #[test]
    fn nothing_in_the_text_can_end_the_sequence() {
        let bytes = sequence("\x07\x1b\\\x1b]0;title\x07", false).unwrap();
        let inside = &bytes[7..bytes.len() - 1];
        assert!(
            inside
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b))
        );
    }

    #[test]
    fn what_is_too_long_is_refused() {
        assert!(sequence(&"x".repeat(56_244), false).is_some());
        assert!(sequence(&"x".repeat(56_247), false).is_none());
    }
}
