//! A field of one line. Pasted text is text: line ends and control characters become spaces.

use crossterm::event::KeyCode;

use crate::console::canvas::Canvas;
use crate::console::keymap::Chord;
use crate::console::theme::Tone;
use crate::text;

/// The field: its text and the place of the cursor, in characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextField {
    chars: Vec<char>,
    at: usize,
    most: usize,
}

impl TextField {
    /// An empty field that takes at most `most` characters.
    pub fn new(most: usize) -> Self {
        Self {
            chars: Vec::new(),
            at: 0,
            most,
        }
    }
    /// What was typed.
    pub fn text(&self) -> String {
        self.chars.iter().collect()
    }
    /// Takes a key; returns whether it was one for a field.
    pub fn key(&mut self, chord: Chord) -> bool {
        if let Some(c) = chord.typed() {
            self.insert(c);
            return true;
        }
        if chord.ctrl() && chord.code() == KeyCode::Char('u') {
            self.chars.clear();
            self.at = 0;
            return true;
        }
        match chord.code() {
            KeyCode::Backspace => {
                if self.at > 0 {
                    self.at -= 1;
                    self.chars.remove(self.at);
                }
            }
            KeyCode::Delete => {
                if self.at < self.chars.len() {
                    self.chars.remove(self.at);
                }
            }
            KeyCode::Left => self.at = self.at.saturating_sub(1),
            KeyCode::Right => self.at = (self.at + 1).min(self.chars.len()),
            KeyCode::Home => self.at = 0,
            KeyCode::End => self.at = self.chars.len(),
            _ => return false,
        }
        true
    }
    /// Takes pasted text.
    pub fn paste(&mut self, text: &str) {
        for c in text.chars().take(self.most) {
            self.insert(if c.is_control() { ' ' } else { c });
        }
    }
    fn insert(&mut self, c: char) {
        if self.chars.len() < self.most {
            self.chars.insert(self.at, c);
            self.at += 1;
        }
    }
    /// Draws `[ text ]` in `width` columns; returns where the cursor stands when it has the focus.
    pub fn view(
        &self,
        canvas: &mut Canvas<'_>,
        x: u16,
        y: u16,
        width: u16,
        focus: bool,
    ) -> Option<(u16, u16)> {
        if width < 5 {
            return None;
        }
        let marks = canvas.glyphs.marks();
        let room = width as usize - 5;
        // Shows the end that contains the cursor.
        let before: String = self.chars[..self.at].iter().collect();
        let mut from = 0;
        let mut used = text::width(&before, marks);
        while used > room && from < self.at {
            used -= text::width(&self.chars[from].to_string(), marks);
            from += 1;
        }
        let visible: String = self.chars[from..].iter().collect();
        let tone = if focus { Tone::Cursor } else { Tone::Plain };
        canvas.put(x, y, if focus { "[>" } else { "[ " }, tone);
        canvas.put_in(x + 2, y, width - 4, &visible, Tone::Plain);
        canvas.put(x + width - 2, y, " ]", tone);
        focus.then(|| canvas.on_screen(x + 2 + used as u16, y))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(field: &mut TextField, keys: &str) {
        for key in keys.split(' ') {
            assert!(field.key(Chord::parse(key).unwrap()), "{key}");
        }
    }

    #[test]
    fn editing() {
        let mut field = TextField::new(6);
        press(&mut field, "a b c left left x home y end z q r");
        assert_eq!(field.text(), "yaxbcz");
        press(&mut field, "backspace home delete");
        assert_eq!(field.text(), "axbc");
        press(&mut field, "ctrl-u");
        assert_eq!(field.text(), "");
        field.paste("a\nb\u{1b}c\tdefgh");
        assert_eq!(field.text(), "a b c ");
        assert!(!field.key(Chord::parse("enter").unwrap()));
    }
}
