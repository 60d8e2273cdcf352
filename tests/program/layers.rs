//! The dependencies point one way, and only the edge of the program talks to a person. Read from
//! the sources, because the compiler lets modules of one crate import each other in circles.

use std::fs;
use std::path::{Path, PathBuf};

/// The edge: whoever talks to a person. Even there nothing is printed with `println!`, which
/// panics when the reader is gone: the command line has `say!` and `note!`, the console a painter.
const EDGE: &[&str] = &["cli", "console"];

/// Modules, and what their code must not name. ARCHITECTURE.md tells the same in words.
const FORBIDDEN: &[(&[&str], &[&str])] = &[
    (
        &[
            "approval",
            "browse",
            "config",
            "dataset",
            "drift",
            "error",
            "events",
            "exact_json",
            "export",
            "files",
            "findings",
            "hash",
            "learners",
            "logging",
            "metrics",
            "pipeline",
            "presence",
            "process",
            "runs",
            "schema",
            "source",
            "storage",
            "text",
            "traffic",
            "workspace",
        ],
        &["cli", "console", "tracking", "worker"],
    ),
    (&["tracking"], &["cli", "console", "worker"]),
    (&["monitoring"], &["cli", "console", "worker"]),
    // What is monitored knows nothing of it.
    (
        &[
            "approval", "pipeline", "runs", "storage", "tracking", "worker",
        ],
        &["monitoring"],
    ),
    (&["worker"], EDGE),
    // The service starts runs and shows them; nobody but the command line knows of it.
    (&["serving"], &["cli", "console", "tracking", "export"]),
    (&["console", "worker", "pipeline", "tracking"], &["serving"]),
    (&["export"], &["tracking"]),
    (
        &[
            "approval", "browse", "dataset", "drift", "learners", "metrics", "pipeline", "schema",
            "source", "storage",
        ],
        &["export"],
    ),
    // Not even the worker knows of tracking: its command starts the sender beside it.
    (&["worker"], &["tracking"]),
    (&["console"], &["cli"]),
    // What was scored is looked at by those above the pipeline only.
    (
        &["pipeline", "storage", "runs", "events", "approval"],
        &["traffic"],
    ),
    (
        &[
            "browse", "dataset", "drift", "learners", "metrics", "schema", "source", "approval",
        ],
        &["pipeline", "runs"],
    ),
    // The pipeline works for nobody in particular; who is here is the operators' matter.
    (&["pipeline", "runs", "worker"], &["presence"]),
    (
        &["presence"],
        &["pipeline", "learners", "storage", "source"],
    ),
    // It looks at rows; what happens to them is nothing to it.
    (&["browse"], &["approval", "events", "storage"]),
    (
        &[
            "approval", "dataset", "drift", "learners", "metrics", "pipeline", "schema", "source",
            "storage",
        ],
        &["browse"],
    ),
    (
        &["files", "hash", "text", "exact_json"],
        &[
            "approval", "config", "dataset", "drift", "events", "learners", "metrics", "pipeline",
            "runs", "schema", "source", "storage",
        ],
    ),
];

#[test]
fn dependencies_point_one_way() {
    let sources = sources();
    for module in FORBIDDEN.iter().flat_map(|(modules, _)| *modules) {
        let known = sources.iter().any(|s| s.module == *module);
        assert!(known, "no source of the module `{module}` was found");
    }
    let mut found = Vec::new();
    for source in &sources {
        let forbidden: Vec<&str> = FORBIDDEN
            .iter()
            .filter(|(modules, _)| modules.contains(&source.module.as_str()))
            .flat_map(|(_, names)| names.iter().copied())
            .collect();
        for (number, name) in uses(&source.code) {
            if forbidden.contains(&name.as_str()) {
                found.push(format!(
                    "{}:{number}: `{}` must not use `{name}`",
                    source.path.display(),
                    source.module
                ));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn nothing_is_printed_by_macros_that_panic() {
    let mut found = Vec::new();
    for source in sources() {
        for (number, line) in source.code.lines().enumerate() {
            if ["print!(", "println!(", "dbg!("]
                .iter()
                .any(|p| line.contains(p))
            {
                found.push(format!(
                    "{}:{}: {}",
                    source.path.display(),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn uses_are_found_in_every_form() {
    let names = |code: &str| -> Vec<String> { uses(code).into_iter().map(|(_, n)| n).collect() };
    assert_eq!(names("use crate::cli;"), ["cli"]);
    assert_eq!(names("let x = crate::console::run();"), ["console"]);
    assert_eq!(
        names("use crate::{\n    files,\n    worker::{self, X},\n    text::clean,\n};"),
        ["files", "worker", "text"]
    );
    assert_eq!(uses("\nuse crate::{files, cli::X};")[1].0, 2);
    assert_eq!(
        code_of("a\n// crate::cli\n#[cfg(test)]\nmod tests {\nb\n}\n"),
        "a\n\n"
    );
}

/// A source file of the library without its tests.
struct Source {
    path: PathBuf,
    /// The folder or file right below `src`.
    module: String,
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let for_tests = name == "tests"
                || name == "testing"
                || name == "test_data"
                || name.ends_with("_tests");
            if for_tests {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let inside = path.strip_prefix(&root).unwrap();
                let first = inside.iter().next().unwrap().to_string_lossy();
                found.push(Source {
                    module: first.trim_end_matches(".rs").to_owned(),
                    code: code_of(&fs::read_to_string(&path).unwrap()),
                    path,
                });
            }
        }
    }
    found
}

/// The text up to the test module, with comment lines emptied so that line numbers stay.
fn code_of(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let tests_begin = line == "#[cfg(test)]"
            && lines
                .peek()
                .is_some_and(|next| next.starts_with("mod ") && next.ends_with('{'));
        if tests_begin {
            break;
        }
        if !line.trim_start().starts_with("//") {
            code.push_str(line);
        }
        code.push('\n');
    }
    code
}

/// Line numbers and names of the crate's modules that code names.
fn uses(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = &code[at + path.len()..];
        let line_of = |offset: usize| code[..offset].matches('\n').count() + 1;
        let Some(group) = rest.strip_prefix('{') else {
            found.push((line_of(at), name_at(rest)));
            continue;
        };
        // The names at the top level of the braces.
        let mut depth = 0usize;
        let mut begins = true;
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if begins && !c.is_whitespace() => {
                    begins = false;
                    found.push((line_of(at + path.len() + 1 + i), name_at(&group[i..])));
                }
                _ => {}
            }
        }
    }
    found
}

fn name_at(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect()
}
