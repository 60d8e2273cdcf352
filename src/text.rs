//! Text from outside (file names, notes, column values, error messages) made harmless for a
//! terminal: no escape sequence, control character, bidirectional override or invisible character
//! gets through, and everything is cut by display width, not by bytes. Counts for people too.
//!
//! The one cleaner of the crate: console, command line and run log use it. It knows nothing of
//! runs, models or screens.

use unicode_width::UnicodeWidthChar;

/// Zero-width characters kept in a row; more of them only pile up on one cell.
const KEPT_IN_A_PILE: usize = 2;

/// A pile of zero-width characters higher than this ends the text: reading on could take for ever
/// without filling a cell.
const HIGHEST_PILE: usize = 4_096;

/// What stands for a character that may not be shown, and for a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Stands for a forbidden character.
    pub forbidden: char,
    /// Stands for what was cut off; ASCII or one column wide each.
    pub cut: &'static str,
    /// Whether only ASCII may be shown.
    pub ascii: bool,
}

impl Marks {
    /// Marks of a screen that shows UTF-8.
    pub const UTF8: Marks = Marks {
        forbidden: '\u{fffd}',
        cut: "…",
        ascii: false,
    };
    /// Marks of a screen that shows ASCII only.
    pub const ASCII: Marks = Marks {
        forbidden: '?',
        cut: "~",
        ascii: true,
    };
    /// Marks of printed and logged lines, whose place of display is not known.
    pub const PRINTED: Marks = Marks {
        forbidden: '?',
        cut: "..",
        ascii: false,
    };
}

/// Returns a text as one harmless line: line breaks and tabs become blanks, what is forbidden a
/// question mark.
pub fn clean(text: &str) -> String {
    fit(text, usize::MAX, Marks::PRINTED)
}

/// [`clean`], cut to `width` columns with `..` at the end when something is left out.
pub fn clean_to(text: &str, width: usize) -> String {
    fit(text, width, Marks::PRINTED)
}

/// Returns `text` cleaned and cut to at most `width` columns. Reads no further into `text` than
/// it needs to, so a cell of a megabyte costs no more than a short one.
pub fn fit(text: &str, width: usize, marks: Marks) -> String {
    let cut_width = marks.cut.chars().count();
    let mut out = String::new();
    let mut used = 0;
    let mut piled = 0;
    // Where to cut back to when the text turns out to be too long: the longest part that leaves
    // room for the mark.
    let mut room = 0;
    for c in text.chars() {
        let (c, w) = shown(c, marks);
        if w == 0 {
            piled += 1;
            if piled > HIGHEST_PILE {
                break;
            }
            // A mark on nothing has no cell to stand on.
            if used == 0 || piled > KEPT_IN_A_PILE {
                continue;
            }
        } else {
            piled = 0;
        }
        if used + w > width {
            out.truncate(room);
            out.extend(marks.cut.chars().take(width));
            return out;
        }
        out.push(c);
        used += w;
        if used + cut_width <= width {
            room = out.len();
        }
    }
    out
}

/// Returns the columns a text takes once cleaned.
pub fn width(text: &str, marks: Marks) -> usize {
    text.chars().map(|c| shown(c, marks).1).sum()
}

/// A count with a comma every three digits: `1,398,114`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Breaks a text into lines of at most `width` columns, at spaces where possible.
pub fn wrap(text: &str, width: usize, marks: Marks) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        let mut used = 0;
        for word in paragraph.split_whitespace() {
            let word = fit(word, width, marks);
            let w = self::width(&word, marks);
            if used > 0 && used + 1 + w > width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(&word);
            used += w;
        }
        lines.push(line);
    }
    lines
}

/// The character that is shown for `c`, and its width.
fn shown(c: char, marks: Marks) -> (char, usize) {
    match c {
        '\t' | '\n' | '\r' => return (' ', 1),
        _ if forbidden(c) => return (marks.forbidden, 1),
        _ => {}
    }
    if marks.ascii && !c.is_ascii() {
        return (ascii_twin(c), 1);
    }
    match c.width() {
        Some(w) => (c, w),
        None => (marks.forbidden, 1),
    }
}

/// Plain letters for the few signs our own texts use.
fn ascii_twin(c: char) -> char {
    match c {
        '─' | '–' | '—' | '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┼' => '-',
        '│' => '|',
        '…' => '~',
        _ => '?',
    }
}

/// Control characters, bidirectional controls and characters that cannot be seen.
fn forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}' | '\u{e000}'..='\u{f8ff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_bidi_and_invisible_characters_are_marked() {
        let text = fit("a\u{1b}[31mb\u{202e}c\u{200b}d\te\u{9b}2J", 40, Marks::UTF8);
        assert_eq!(text, "a\u{fffd}[31mb\u{fffd}c\u{fffd}d e\u{fffd}2J");
        assert_eq!(fit("é\u{7f}", 9, Marks::ASCII), "??");
    }

    #[test]
    fn long_text_is_cut_by_columns() {
        assert_eq!(fit("abcdef", 6, Marks::UTF8), "abcdef");
        assert_eq!(fit("abcdefg", 6, Marks::UTF8), "abcde…");
        assert_eq!(fit("日本語", 5, Marks::UTF8), "日本…");
        assert_eq!(fit("日本語", 4, Marks::UTF8), "日…");
        assert_eq!(fit("abc", 0, Marks::UTF8), "");
        assert_eq!(fit("abc", 1, Marks::ASCII), "~");
        assert_eq!(fit(&"x".repeat(1 << 20), 3, Marks::ASCII), "xx~");
    }

    #[test]
    fn marks_do_not_pile_up() {
        let text = fit(&format!("e{}", "\u{301}".repeat(1000)), 10, Marks::UTF8);
        assert_eq!(text, "e\u{301}\u{301}");
    }

    #[test]
    fn wrapping_breaks_at_spaces() {
        assert_eq!(
            wrap("one two three", 7, Marks::UTF8),
            vec!["one two", "three"]
        );
        assert_eq!(wrap("", 7, Marks::UTF8), vec![""]);
    }

    #[test]
    fn printed_lines_lose_escapes_and_keep_ordinary_text() {
        assert_eq!(
            clean("a\u{1b}]52;c;aGk=\u{7}b\u{9b}31m"),
            "a?]52;c;aGk=?b?31m"
        );
        assert_eq!(clean("one\r\ntwo\tthree"), "one  two three");
        assert_eq!(clean("gpj.\u{202e}exe"), "gpj.?exe");
        for text in ["service=http", "größe", "数据", "nai\u{308}ve é"] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn a_cut_printed_line_says_so() {
        assert_eq!(clean_to("abcdef", 6), "abcdef");
        assert_eq!(clean_to("abcdefg", 6), "abcd..");
        assert_eq!(clean_to("日本語", 5), "日..");
        assert_eq!(clean_to("abc", 1), ".");
        assert_eq!(clean_to("abc", 0), "");
    }

    #[test]
    fn counts_have_commas() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_398_114, "1,398,114"),
        ] {
            assert_eq!(count(n), text);
        }
    }

    proptest! {
        #[test]
        fn nothing_harmful_and_never_too_wide(text in any::<String>(), w in 0usize..40, which in 0usize..3) {
            let marks = [Marks::ASCII, Marks::UTF8, Marks::PRINTED][which];
            let out = fit(&text, w, marks);
            prop_assert!(!out.chars().any(forbidden));
            prop_assert!(width(&out, marks) <= w);
            if marks.ascii { prop_assert!(out.is_ascii()); }
        }

        #[test]
        fn cleaning_twice_changes_nothing(text in any::<String>()) {
            let once = clean(&text);
            prop_assert_eq!(clean(&once), once);
        }
    }
}
