//! What a person types at a terminal in plain mode, made into lines. The console echoes the
//! characters itself, so that it knows when a line has been begun and keeps events out of it.
//!
//! Append-only: the only byte ever sent besides printable ones is the backspace that answers the
//! person's own. Arrow and function keys are swallowed. Text of several lines that arrives at once
//! was pasted: it becomes one line that waits for Enter, never several choices.

use unicode_width::UnicodeWidthChar;

/// Characters a line may have.
const MOST: usize = 4_000;

/// What came of some bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Typed {
    /// Lines that were entered.
    pub lines: Vec<String>,
    /// What is to be written back.
    pub echo: String,
    /// Whether several lines were pasted and made into one.
    pub pasted: bool,
    /// Whether the person ended the input.
    pub ended: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    /// After ESC.
    Begun,
    /// Inside a control sequence.
    Sequence,
}

/// The line so far.
#[derive(Clone, Debug, Default)]
pub struct LineEditor {
    line: String,
    escape: Escape,
    // Bytes of a character that is not whole yet.
    partial: Vec<u8>,
}

impl LineEditor {
    /// Whether nothing has been typed into the line.
    pub fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// The line so far, to be shown again.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// Takes what the terminal sent at once.
    pub fn take(&mut self, bytes: &[u8]) -> Typed {
        let mut typed = Typed::default();
        let ends = bytes.iter().filter(|b| is_end(**b)).count();
        typed.pasted = ends > 1;
        for &byte in bytes {
            if is_end(byte) {
                self.partial.clear();
                self.escape = Escape::None;
                if typed.pasted {
                    self.push(' ', &mut typed);
                } else {
                    typed.echo.push('\n');
                    typed.lines.push(std::mem::take(&mut self.line));
                }
                continue;
            }
            self.byte(byte, &mut typed);
            if typed.ended {
                return typed;
            }
        }
        typed
    }

    fn byte(&mut self, byte: u8, typed: &mut Typed) {
        match (self.escape, byte) {
            (_, 0x1b) => {
                self.escape = Escape::Begun;
                return;
            }
            (Escape::Begun, b'[' | b'O') => {
                self.escape = Escape::Sequence;
                return;
            }
            (Escape::Begun, _) => {
                self.escape = Escape::None;
                return;
            }
            (Escape::Sequence, 0x40..=0x7e) => {
                self.escape = Escape::None;
                return;
            }
            (Escape::Sequence, _) => return,
            (Escape::None, _) => {}
        }
        match byte {
            0x08 | 0x7f => self.erase(typed),
            // Ctrl-U and Ctrl-W.
            0x15 => {
                while !self.line.is_empty() {
                    self.erase(typed);
                }
            }
            0x17 => {
                while self.line.ends_with(' ') {
                    self.erase(typed);
                }
                while !self.line.is_empty() && !self.line.ends_with(' ') {
                    self.erase(typed);
                }
            }
            // Ctrl-D ends the input where nothing was typed, as in a shell.
            0x04 => typed.ended = self.line.is_empty(),
            b'\t' => self.push(' ', typed),
            0..=0x1f => {}
            _ => {
                self.partial.push(byte);
                match std::str::from_utf8(&self.partial) {
                    Ok(text) => {
                        let whole: Vec<char> = text.chars().collect();
                        self.partial.clear();
                        for c in whole {
                            self.push(c, typed);
                        }
                    }
                    Err(e) if e.error_len().is_some() || self.partial.len() > 4 => {
                        self.partial.clear();
                    }
                    Err(_) => {}
                }
            }
        }
    }

    fn push(&mut self, c: char, typed: &mut Typed) {
        // What cannot be seen cannot be erased again: it is left out.
        let width = if c.is_control() { None } else { c.width() };
        if width.unwrap_or(0) == 0 || self.line.chars().count() >= MOST {
            return;
        }
        self.line.push(c);
        typed.echo.push(c);
    }

    fn erase(&mut self, typed: &mut Typed) {
        if let Some(c) = self.line.pop() {
            let width = c.width().unwrap_or(1);
            typed.echo.push_str(&"\u{8} \u{8}".repeat(width));
        }
    }
}

fn is_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(chunks: &[&str]) -> Vec<String> {
        let mut editor = LineEditor::default();
        chunks
            .iter()
            .flat_map(|c| editor.take(c.as_bytes()).lines)
            .collect()
    }

    #[test]
    fn characters_make_lines_and_can_be_taken_back() {
        assert_eq!(lines(&["ho", "me\n"]), ["home"]);
        assert_eq!(lines(&["1", "\u{7f}", "2\r"]), ["2"]);
        assert_eq!(lines(&["some words\u{17}x\n"]), ["some x"]);
        assert_eq!(lines(&["all of it\u{15}x\n"]), ["x"]);
        let mut editor = LineEditor::default();
        assert_eq!(editor.take("日".as_bytes()).echo, "日");
        assert_eq!(editor.take(b"\x7f").echo, "\u{8} \u{8}\u{8} \u{8}");
        assert!(editor.is_empty());
    }

    #[test]
    fn a_character_may_come_in_pieces() {
        let mut editor = LineEditor::default();
        let bytes = "é".as_bytes();
        assert_eq!(editor.take(&bytes[..1]).echo, "");
        assert_eq!(editor.take(&bytes[1..]).echo, "é");
    }

    #[test]
    fn arrow_keys_and_escapes_are_swallowed() {
        assert_eq!(lines(&["a\u{1b}[A\u{1b}OP\u{1b}[1;5Cb\n"]), ["ab"]);
        assert_eq!(lines(&["\u{1b}[20", "0~x\n"]), ["x"]);
    }

    #[test]
    fn several_lines_at_once_were_pasted_and_enter_nothing() {
        let mut editor = LineEditor::default();
        let typed = editor.take(b"q\nquit\n1\n");
        assert!(typed.pasted && typed.lines.is_empty());
        assert_eq!(editor.line(), "q quit 1 ");
        assert_eq!(editor.take(b"\n").lines, ["q quit 1 "]);
    }

    #[test]
    fn ctrl_d_ends_an_empty_line_only() {
        let mut editor = LineEditor::default();
        assert!(!editor.take(b"a\x04").ended);
        assert!(editor.take(b"\x7f\x04").ended);
    }

    proptest! {
        #[test]
        fn the_echo_holds_no_escape(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut editor = LineEditor::default();
            let typed = editor.take(&bytes);
            let fits = |c: char| !c.is_control() || c == '\n' || c == '\u{8}';
            prop_assert!(typed.echo.chars().all(fits));
            let plain = typed.lines.iter().all(|l| !l.chars().any(char::is_control));
            prop_assert!(plain);
        }
    }
}
