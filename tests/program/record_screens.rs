//! Records the real screens for the README: the demo in a pseudo-terminal, driven by keys, and the
//! cells of the emulated screen written as SVG and as text. Not a test: `tests/record_screens`
//! runs it when the screens have changed.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::harness::without_settings;
use crate::pty::{Session, command};

const SIZE: (u16, u16) = (120, 36);
/// A cell in the pixels of the picture.
const CELL: (f64, f64) = (8.0, 17.0);

#[test]
#[ignore = "writes docs/screens; tests/record_screens runs it"]
fn record() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("ids-demo");
    let mut demo = std::process::Command::new(env!("CARGO_BIN_EXE_netsec"));
    without_settings(&mut demo);
    demo.args(["demo", "--headless", "--dir"])
        .arg(&project)
        .env("USER", "mara")
        .env_remove("SSH_CONNECTION")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    assert!(demo.status().unwrap().success(), "netsec demo failed");
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screens");
    fs::create_dir_all(&out).unwrap();

    let mut console = command(env!("CARGO_BIN_EXE_netsec"), &project);
    console.arg("console");
    console.env("USER", "mara");
    let mut session = Session::open(SIZE, console);
    session.wait_text("[1 Home]");
    session.wait_text("APPROVE?");
    let shoot = |session: &Session, name: &str| {
        // What jobs bring is waited for.
        session.wait(name, |s| {
            let text = s.contents();
            !text.contains("Reading") && !text.contains("Comparing run")
        });
        let text = settled(session);
        let private = folder.path().to_string_lossy().into_owned();
        assert!(!text.contains(&private), "a path of this machine in {name}");
        let svg = session.screen(svg);
        fs::write(out.join(format!("{name}.svg")), svg).unwrap();
        fs::write(out.join(format!("{name}.txt")), text).unwrap();
    };
    shoot(&session, "home");
    // With a text of each that is there only when its content has been read.
    for (key, tab, content, name) in [
        ("2", "[2 Data]", "row 1 of", "data"),
        ("3", "[3 Validate]", "Label mix", "validate"),
        ("5", "[5 Compare]", "against", "compare"),
        ("7", "[7 Runs]", "newest first", "runs"),
        ("8", "[8 Logs]", "run finished", "logs"),
        ("6", "[6 Approve", "Evidence for", "approve"),
    ] {
        session.keys(key);
        session.wait_text(tab);
        session.wait_text(content);
        shoot(&session, name);
    }
    session.keys("\r");
    session.wait_text("to production?");
    shoot(&session, "decision");
    session.escape();
    session.keys("4");
    session.wait_text("[4 Train]");
    shoot(&session, "train");
    session.keys("q");
    session.wait_end();
}

/// The text of the screen once nothing more comes.
fn settled(session: &Session) -> String {
    let mut bytes = session.bytes();
    loop {
        std::thread::sleep(Duration::from_millis(1_500));
        if session.bytes() == bytes {
            let lines: Vec<String> = session.screen(|s| {
                s.rows(0, SIZE.0)
                    .map(|line| line.trim_end().to_owned())
                    .collect()
            });
            return lines.join("\n").trim_end().to_owned() + "\n";
        }
        bytes = session.bytes();
    }
}

/// A run of cells that look the same.
struct Run {
    x: u16,
    cells: u16,
    class: String,
    text: String,
}

/// The cells as a picture that follows the reader's light or dark page.
fn svg(screen: &vt100::Screen) -> String {
    let (rows, cols) = screen.size();
    let (w, h) = CELL;
    let width = f64::from(cols) * w + 2.0 * w;
    let height = f64::from(rows) * h + h;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"A screen of netsec\">\n{STYLE}\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" class=\"ground\"/>\n"
    );
    for y in 0..rows {
        for x in 0..cols {
            let drawn = screen.cell(y, x).and_then(|cell| {
                let path = shape(cell.contents().chars().next()?, (x, y))?;
                Some((path, class(cell)))
            });
            if let Some((path, class)) = drawn {
                svg.push_str(&format!("<path{} {path}/>\n", attribute(&class)));
            }
        }
        for run in runs(screen, y, cols) {
            let x = w + f64::from(run.x) * w;
            let baseline = h / 2.0 + f64::from(y) * h + h * 0.76;
            let length = f64::from(run.cells) * w;
            let class = attribute(&run.class);
            svg.push_str(&format!(
                "<text x=\"{x}\" y=\"{baseline:.1}\" textLength=\"{length}\" \
                 lengthAdjust=\"spacingAndGlyphs\"{class}>{}</text>\n",
                escape(&run.text)
            ));
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn runs(screen: &vt100::Screen, y: u16, cols: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for x in 0..cols {
        let Some(cell) = screen.cell(y, x).filter(|c| !c.is_wide_continuation()) else {
            continue;
        };
        let text = cell.contents();
        let drawn = text
            .chars()
            .next()
            .is_some_and(|c| shape(c, (x, y)).is_some());
        if text.trim().is_empty() || drawn {
            continue;
        }
        let cells = if cell.is_wide() { 2 } else { 1 };
        let class = class(cell);
        match runs.last_mut() {
            // One blank between two words stays inside: the fewer pieces, the smaller the file.
            Some(last) if last.class == class && x <= last.x + last.cells + 1 => {
                if x == last.x + last.cells + 1 {
                    last.text.push(' ');
                    last.cells += 1;
                }
                last.text.push_str(text);
                last.cells += cells;
            }
            _ => runs.push(Run {
                x,
                cells,
                class,
                text: text.to_owned(),
            }),
        }
    }
    runs
}

fn attribute(class: &str) -> String {
    match class {
        "" => String::new(),
        class => format!(" class=\"{class}\""),
    }
}

/// Lines and braille dots as shapes: a font of the reader draws them with gaps between the rows, or
/// has none of them. `None` for everything that is text.
fn shape(c: char, (x, y): (u16, u16)) -> Option<String> {
    let (w, h) = CELL;
    let (left, top) = (w + f64::from(x) * w, h / 2.0 + f64::from(y) * h);
    let (right, bottom) = (left + w, top + h);
    let (middle, centre) = (left + w / 2.0, top + h / 2.0);
    // To the left, to the right, up, down.
    let ends = match c {
        '─' => [true, true, false, false],
        '│' => [false, false, true, true],
        '┌' => [false, true, false, true],
        '┐' => [true, false, false, true],
        '└' => [false, true, true, false],
        '┘' => [true, false, true, false],
        '├' => [false, true, true, true],
        '┤' => [true, false, true, true],
        '┬' => [true, true, false, true],
        '┴' => [true, true, true, false],
        '┼' => [true, true, true, true],
        '\u{2801}'..='\u{28ff}' => return Some(dots(c as u32 - 0x2800, (left, top))),
        _ => return None,
    };
    let targets = [
        (left, centre),
        (right, centre),
        (middle, top),
        (middle, bottom),
    ];
    let lines: String = ends
        .into_iter()
        .zip(targets)
        .filter(|(there, _)| *there)
        .map(|(_, (x, y))| format!("M{middle} {centre}L{x} {y}"))
        .collect();
    Some(format!("fill=\"none\" stroke-width=\"1\" d=\"{lines}\""))
}

/// The dots of a braille pattern, two beside each other and four below.
fn dots(pattern: u32, (left, top): (f64, f64)) -> String {
    let (w, h) = CELL;
    let places = [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 0),
        (1, 1),
        (1, 2),
        (0, 3),
        (1, 3),
    ];
    let dots: String = places
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| pattern & (1 << bit) != 0)
        .map(|(_, (column, row))| {
            let x = left + w * (f64::from(column) + 0.5) / 2.0;
            let y = top + h * (f64::from(row) + 0.5) / 4.0;
            // A line of no length with round ends is a dot.
            format!("M{x} {y:.3}h0")
        })
        .collect();
    format!("fill=\"none\" stroke-width=\"2.4\" stroke-linecap=\"round\" d=\"{dots}\"")
}

/// Colours by the name of their meaning on the page, light or dark.
fn class(cell: &vt100::Cell) -> String {
    let mut classes = Vec::new();
    match cell.fgcolor() {
        vt100::Color::Idx(1) => classes.push("red"),
        vt100::Color::Idx(2) => classes.push("green"),
        vt100::Color::Idx(3) => classes.push("yellow"),
        vt100::Color::Idx(4) => classes.push("blue"),
        vt100::Color::Idx(5) => classes.push("magenta"),
        vt100::Color::Idx(6) => classes.push("cyan"),
        _ if cell.dim() => classes.push("dim"),
        _ => {}
    }
    if cell.bold() {
        classes.push("bold");
    }
    classes.join(" ")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

const STYLE: &str = "<style>
path { stroke: #1f2328; }
text { font: 13px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #1f2328; white-space: pre; }
.ground { fill: #ffffff; stroke: #d0d7de; }
text.dim { fill: #59636e; } path.dim { stroke: #59636e; }
.bold { font-weight: 700; }
text.red { fill: #b42318; } path.red { stroke: #b42318; }
text.green { fill: #116329; } path.green { stroke: #116329; }
text.yellow { fill: #7d4e00; } path.yellow { stroke: #7d4e00; }
text.blue { fill: #0550ae; } path.blue { stroke: #0550ae; }
text.magenta { fill: #8250df; } path.magenta { stroke: #8250df; }
text.cyan { fill: #0b6070; } path.cyan { stroke: #0b6070; }
@media (prefers-color-scheme: dark) {
path { stroke: #e6edf3; }
text { fill: #e6edf3; }
.ground { fill: #0d1117; stroke: #30363d; }
text.dim { fill: #9198a1; } path.dim { stroke: #9198a1; }
text.red { fill: #ff7b72; } path.red { stroke: #ff7b72; }
text.green { fill: #56d364; } path.green { stroke: #56d364; }
text.yellow { fill: #e3b341; } path.yellow { stroke: #e3b341; }
text.blue { fill: #79c0ff; } path.blue { stroke: #79c0ff; }
text.magenta { fill: #d2a8ff; } path.magenta { stroke: #d2a8ff; }
text.cyan { fill: #56d4dd; } path.cyan { stroke: #56d4dd; }
}
</style>
";
