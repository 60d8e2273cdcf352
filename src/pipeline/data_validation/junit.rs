//! The validation report as JUnit XML, which every CI system shows.

use std::fmt::Write;

use super::report::{CheckResult, ValidationReport};
use crate::events::CheckVerdict;

/// Writes the report. One test case a check: a check that stops the run is a failure, a warning
/// passes and says so in `system-out`, for a warning must not turn a build red.
pub fn junit_xml(report: &ValidationReport, suite: &str) -> String {
    let failures = report.with(CheckVerdict::Fail).count();
    let tests = report.checks.len();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\"");
    // Writing to a String cannot fail.
    let _ = writeln!(xml, "<testsuites name=\"netsec validate\" {counts}>");
    let _ = writeln!(xml, "  <testsuite name=\"{}\" {counts}>", escape(suite));
    for check in &report.checks {
        case(&mut xml, check);
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

fn case(xml: &mut String, check: &CheckResult) {
    let name = match &check.column {
        Some(column) => format!("{} {column}", check.id),
        None => check.id.clone(),
    };
    let _ = write!(
        xml,
        "    <testcase classname=\"netsec.validate.{}\" name=\"{}\"",
        escape(&check.id),
        escape(&name)
    );
    match check.verdict {
        CheckVerdict::Ok => xml.push_str("/>\n"),
        CheckVerdict::Fail => {
            let _ = writeln!(
                xml,
                ">\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>",
                escape(&check.id),
                escape(&check.text),
                escape(&details(check))
            );
        }
        CheckVerdict::Warn | CheckVerdict::Masked => {
            let _ = writeln!(
                xml,
                ">\n      <system-out>warning: {}\n{}</system-out>\n    </testcase>",
                escape(&check.text),
                escape(&details(check))
            );
        }
    }
}

fn details(check: &CheckResult) -> String {
    let mut text = format!(
        "observed {}, limit {}, failing rows {}\n",
        check.observed, check.limit, check.failing_rows
    );
    for example in &check.examples {
        let value = example.value.as_deref().unwrap_or("(no value)");
        let _ = writeln!(text, "row {}: {value}", example.row);
    }
    text
}

/// Escapes text for XML 1.0, in elements and attributes, and removes what XML 1.0 cannot hold:
/// control characters and the two non-characters.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Severity;
    use crate::pipeline::data_validation::report::Example;
    use crate::pipeline::data_validation::rule::Rule;
    use proptest::prelude::*;

    fn report(hostile: &str) -> ValidationReport {
        let check = |severity, passed| {
            CheckResult::new(Rule::Types, severity, passed, format!("bad {hostile}"))
                .on(hostile)
                .rows(
                    1,
                    vec![Example {
                        row: 3,
                        value: Some(hostile.to_owned()),
                    }],
                )
        };
        ValidationReport::new(
            9,
            2,
            vec![
                check(Severity::Stop, false),
                check(Severity::Warn, false),
                check(Severity::Stop, true),
            ],
        )
    }

    /// A small well-formedness check: tags nest, and no markup character stands in text.
    fn well_formed(xml: &str) -> bool {
        let body = xml.split_once("?>").map_or("", |(_, b)| b);
        let mut open: Vec<String> = Vec::new();
        let mut rest = body;
        while let Some(start) = rest.find('<') {
            if rest[..start].contains('>') {
                return false;
            }
            let Some(end) = rest[start..].find('>') else {
                return false;
            };
            let tag = &rest[start + 1..start + end];
            let name: String = tag
                .trim_start_matches('/')
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '-')
                .collect();
            if tag.starts_with('/') {
                if open.pop() != Some(name) {
                    return false;
                }
            } else {
                if !tag.matches('"').count().is_multiple_of(2) {
                    return false;
                }
                if !tag.ends_with('/') {
                    open.push(name);
                }
            }
            rest = &rest[start + end + 1..];
        }
        open.is_empty() && !rest.contains('>')
    }

    #[test]
    fn failures_and_warnings_are_told_apart() {
        let xml = junit_xml(&report("a & b <c> \"d\" 'e'\u{1b}[31m\0"), "file <x>.csv");
        assert!(well_formed(&xml), "{xml}");
        assert!(xml.contains("tests=\"3\" failures=\"1\""));
        assert_eq!(xml.matches("<failure").count(), 1);
        assert_eq!(xml.matches("<system-out>").count(), 1);
        assert!(xml.contains("a &amp; b &lt;c&gt; &quot;d&quot; &apos;e&apos;[31m"));
        assert!(!xml.contains('\u{1b}') && !xml.contains('\0'));
    }

    proptest! {
        #[test]
        fn any_text_gives_well_formed_xml(text in any::<String>()) {
            let xml = junit_xml(&report(&text), &text);
            prop_assert!(well_formed(&xml));
            prop_assert!(!xml.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
        }
    }
}
