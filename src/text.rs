//! Text that came from data, made safe to print: no escape sequence of a file, a note or a
//! column name reaches a terminal.

/// Replaces control characters (C0, C1, DEL) and the marks that reorder or hide text (bidi
/// controls, zero-width characters, line and paragraph separators) with `?`. Line breaks and
/// tabs are control characters too: the result is one line.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if is_unsafe(c) { '?' } else { c })
        .collect()
}

/// [`clean`], cut to `width` characters with `..` at the end when something is left out.
pub fn clean_to(text: &str, width: usize) -> String {
    let text = clean(text);
    if text.chars().count() <= width {
        return text;
    }
    let kept: String = text.chars().take(width.saturating_sub(2)).collect();
    format!("{kept}..").chars().take(width).collect()
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{61c}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_lose_their_escape() {
        assert_eq!(clean("a\u{1b}]52;c;aGk=\u{7}b"), "a?]52;c;aGk=?b");
        assert_eq!(clean("\u{9b}31m"), "?31m");
        assert_eq!(clean("one\r\ntwo\tthree"), "one??two?three");
    }

    #[test]
    fn marks_that_reorder_are_shown() {
        assert_eq!(clean("gpj.\u{202e}exe"), "gpj.?exe");
    }

    #[test]
    fn ordinary_text_of_any_script_stays() {
        for text in ["service=http", "größe", "数据", "naïve é"] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn cutting_says_so() {
        assert_eq!(clean_to("abcdef", 6), "abcdef");
        assert_eq!(clean_to("abcdefg", 6), "abcd..");
        assert_eq!(clean_to("abc", 1), ".");
    }
}
