//! Prometheus' text format, as far as gauges and counters go.

use std::fmt::Write;

/// What a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only grows; its name ends in `_total`.
    Counter,
}

/// A document under construction. Families without a sample are left out.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// An empty document.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a family with its samples: label pairs and value. What is not finite is left out:
    /// an undefined figure is one that is not there.
    pub fn family<'a, L>(
        &mut self,
        name: &str,
        help: &str,
        kind: Kind,
        samples: impl IntoIterator<Item = (L, f64)>,
    ) where
        L: IntoIterator<Item = (&'a str, &'a str)>,
    {
        let mut lines = String::new();
        for (labels, value) in samples {
            if !value.is_finite() {
                continue;
            }
            lines.push_str(name);
            let mut between = '{';
            for (label, text) in labels {
                // Writing to a string cannot fail.
                let _ = write!(lines, "{between}{label}=\"{}\"", escaped(text));
                between = ',';
            }
            if between == ',' {
                lines.push('}');
            }
            let _ = writeln!(lines, " {value}");
        }
        if lines.is_empty() {
            return;
        }
        let kind = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        self.text.push_str(&lines);
    }

    /// A family of one sample without labels; `None` leaves it out.
    pub fn single(&mut self, name: &str, help: &str, kind: Kind, value: Option<f64>) {
        const NO_LABELS: [(&str, &str); 0] = [];
        self.family(name, help, kind, value.map(|v| (NO_LABELS, v)));
    }

    /// The document.
    pub fn finish(self) -> String {
        self.text
    }
}

/// A label's value between its quotes. Names of columns come from data: control characters are
/// made harmless as for a terminal.
fn escaped(text: &str) -> String {
    crate::text::clean(text)
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn families_read_as_the_format_says() {
        let mut out = Exposition::new();
        out.family(
            "netsec_x",
            "An x.",
            Kind::Gauge,
            [
                (vec![("a", "1"), ("b", "two")], 1.5),
                (vec![("a", "2"), ("b", "two")], f64::NAN),
            ],
        );
        out.single("netsec_y_total", "Ys.", Kind::Counter, Some(3.0));
        out.single("netsec_z", "Left out.", Kind::Gauge, None);
        assert_eq!(
            out.finish(),
            "# HELP netsec_x An x.\n# TYPE netsec_x gauge\nnetsec_x{a=\"1\",b=\"two\"} 1.5\n\
             # HELP netsec_y_total Ys.\n# TYPE netsec_y_total counter\nnetsec_y_total 3\n"
        );
    }

    proptest! {
        #[test]
        fn no_label_breaks_out_of_its_line(text in any::<String>()) {
            let mut out = Exposition::new();
            out.family("m", "h", Kind::Gauge, [([("l", text.as_str())], 1.0)]);
            let written = out.finish();
            prop_assert_eq!(written.lines().count(), 3);
            let sample = written.lines().last().unwrap();
            let inside = sample.strip_prefix("m{l=\"").unwrap().strip_suffix("\"} 1").unwrap();
            // Every quote inside is escaped: an even number of backslashes never stands before one.
            let mut backslashes = 0;
            for c in inside.chars() {
                if c == '"' {
                    prop_assert_eq!(backslashes % 2, 1);
                }
                backslashes = if c == '\\' { backslashes + 1 } else { 0 };
            }
            prop_assert_eq!(backslashes % 2, 0);
        }
    }
}
