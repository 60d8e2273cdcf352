//! What leaves the screen as text: the shell command that shows the same, and rows as CSV.

use super::Browser;
use super::cell::Cell;

impl Browser {
    /// What `netsec data` takes to show the same: the place and the options.
    pub fn arguments(&self) -> Option<String> {
        let opened = self.opened.as_ref()?;
        let mut text = quoted(&opened.source.argument());
        let condition = self.view.condition();
        if !condition.is_empty() {
            text.push_str(&format!(" --filter {}", quoted(&condition)));
        }
        for sort in &self.view.sort {
            let minus = if sort.descending { "-" } else { "" };
            let key = format!("{minus}{}", self.name(sort.column));
            // `=`, because a value may begin with a minus.
            text.push_str(&format!(" --sort={}", quoted(&key)));
        }
        let all = self.view.columns.len() == opened.columns.len()
            && self.view.columns.iter().enumerate().all(|(i, c)| i == *c);
        if !all {
            let names: Vec<&str> = self.view.columns.iter().map(|c| self.name(*c)).collect();
            text.push_str(&format!(" --columns {}", quoted(&names.join(","))));
        }
        Some(text)
    }

    /// The rows and columns on the screen as CSV; `None` when not all of them are here.
    pub fn seen_as_csv(&self, size: (u16, u16)) -> Option<(u64, String)> {
        let areas = self.areas(size)?;
        let placed = self.columns(areas.width).placed;
        let top = self.view.top;
        let bottom = (top + u64::from(areas.rows)).min(self.rows());
        let mut csv = String::new();
        let heads: Vec<String> = placed.iter().map(|p| field(self.name(p.column))).collect();
        csv.push_str(&heads.join(","));
        csv.push('\n');
        for row in top..bottom {
            let cells: Option<Vec<String>> = placed
                .iter()
                .map(|p| {
                    self.window
                        .cell(row, p.column)
                        .and_then(Cell::plain)
                        .map(field)
                })
                .collect();
            csv.push_str(&cells?.join(","));
            csv.push('\n');
        }
        Some((bottom.saturating_sub(top), csv))
    }
}

/// A CSV field, quoted where it must be.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A word for a POSIX shell.
pub fn quoted(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./:,@%+".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        assert_eq!(quoted("a/b-c.parquet"), "a/b-c.parquet");
        assert_eq!(quoted("a > 1"), "'a > 1'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn fields_are_quoted_where_csv_needs_it() {
        assert_eq!(field("a"), "a");
        assert_eq!(field("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(field(" x"), "\" x\"");
    }
}
