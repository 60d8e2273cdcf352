//! Checks of the terminal end: what the console will take the terminal for, and what stands
//! between it and the person. The terminal itself is never asked, only the environment, its size
//! and tmux.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Finding;
use crate::config::UiConfig;
use crate::console::capabilities::Capabilities;
use crate::console::glyphs::Glyphs;
use crate::console::keymap::{Keymap, remap};
use crate::console::layout::SMALLEST;
use crate::console::theme::Colours;

/// How an environment variable is looked up; empty counts as unset.
type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Runs the checks.
pub(super) fn check(ui: &UiConfig, config_text: &str) -> Vec<Finding> {
    let variable = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let there = std::io::stdout().is_terminal();
    let window = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    let mut findings = vec![
        terminal(&variable, there, described(&variable)),
        size(there, window.map(|w| (w.ws_col, w.ws_row))),
        colours(&variable, ui),
        locale(&variable, ui),
        clipboard(&variable, passthrough(&variable)),
        mouse(&variable),
    ];
    findings.extend(link(&variable));
    findings.extend(keys(ui, config_text));
    findings
}

fn terminal(variable: Variable<'_>, there: bool, described: bool) -> Finding {
    const CHECK: &str = "terminal";
    let Some(term) = variable("TERM").filter(|t| t != "dumb") else {
        let term = variable("TERM").unwrap_or_default();
        return Finding::warn(
            CHECK,
            format!("TERM is `{term}`: no screens, the console talks in lines"),
            "`netsec console --plain` is that mode; for screens use a terminal that sets TERM.",
        );
    };
    if !there {
        return Finding::ok(CHECK, format!("{term}; the output goes elsewhere just now"));
    }
    if !described {
        return Finding::warn(
            CHECK,
            format!("TERM is `{term}`, which this machine has no description of"),
            "netsec needs none, but shells and editors here may: `export TERM=xterm-256color`, or \
             install the terminal's terminfo.",
        );
    }
    Finding::ok(CHECK, term)
}

/// Whether the machine has a terminfo entry for the terminal.
fn described(variable: Variable<'_>) -> bool {
    let Some(term) = variable("TERM") else {
        return false;
    };
    let Some(first) = term.chars().next().filter(|c| c.is_ascii_alphanumeric()) else {
        return false;
    };
    if term.contains(['/', '\\']) {
        return false;
    }
    let mut places: Vec<PathBuf> = Vec::new();
    places.extend(variable("TERMINFO").map(PathBuf::from));
    places.extend(variable("HOME").map(|home| Path::new(&home).join(".terminfo")));
    for place in [
        "/etc/terminfo",
        "/lib/terminfo",
        "/usr/lib/terminfo",
        "/usr/share/terminfo",
        "/usr/local/share/terminfo",
        "/opt/homebrew/share/terminfo",
    ] {
        places.push(place.into());
    }
    places.iter().any(|place| {
        place.join(first.to_string()).join(&term).exists()
            || place
                .join(format!("{:x}", u32::from(first)))
                .join(&term)
                .exists()
    })
}

fn size(there: bool, window: Option<(u16, u16)>) -> Finding {
    const CHECK: &str = "size";
    let (least_w, least_h) = SMALLEST;
    match window {
        _ if !there => Finding::ok(CHECK, "not known, the output is no terminal"),
        None | Some((0, _) | (_, 0)) => Finding::warn(
            CHECK,
            "the terminal does not tell its size",
            "`stty cols 120 rows 36` tells it; `netsec console --plain` needs none.",
        ),
        Some((w, h)) if w < least_w || h < least_h => Finding::warn(
            CHECK,
            format!("{w}x{h} is too small for the screens, which need {least_w}x{least_h}"),
            "Enlarge the window, or use `netsec console --plain`.",
        ),
        Some((w, h)) if w < 80 || h < 24 => Finding::ok(
            CHECK,
            format!("{w}x{h}: some panes are left out below 80x24"),
        ),
        Some((w, h)) => Finding::ok(CHECK, format!("{w}x{h}")),
    }
}

fn colours(variable: Variable<'_>, ui: &UiConfig) -> Finding {
    let found = Colours::detect(variable, ui.colours);
    let why = match found {
        Colours::None if variable("NO_COLOR").is_some() => " (NO_COLOR)",
        Colours::None => "; every state is said in words as well",
        Colours::Sixteen | Colours::Indexed | Colours::True => "",
    };
    Finding::ok("colours", format!("{}{why}", found.name()))
}

fn locale(variable: Variable<'_>, ui: &UiConfig) -> Finding {
    const CHECK: &str = "locale";
    let value = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| variable(name))
        .unwrap_or_default();
    let glyphs = Capabilities::detect(variable, ui).glyphs;
    let utf8 = value.to_ascii_lowercase().replace('-', "").contains("utf8");
    if utf8 || glyphs != Glyphs::Ascii {
        return Finding::ok(CHECK, format!("`{value}`, {} glyphs", glyphs.name()));
    }
    Finding::warn(
        CHECK,
        format!("`{value}` is no UTF-8 locale, plots are drawn in ASCII"),
        "Set LANG to a UTF-8 locale (C.UTF-8), or leave it: everything works in ASCII.",
    )
}

/// What tmux says of sequences for the terminal around it: `None` outside tmux or when it does not
/// answer, empty where it is too old to know the option.
fn passthrough(variable: Variable<'_>) -> Option<String> {
    variable("TMUX")?;
    let output = Command::new("tmux")
        .args(["show-options", "-gqwv", "allow-passthrough"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Copying is a sequence the terminal answers by filling the clipboard of the machine it runs on.
fn clipboard(variable: Variable<'_>, passthrough: Option<String>) -> Finding {
    const CHECK: &str = "clipboard";
    let term = variable("TERM").unwrap_or_default();
    if variable("TMUX").is_some() {
        return match passthrough.as_deref() {
            None => Finding::warn(
                CHECK,
                "inside tmux, which does not say whether copied text may pass",
                "`tmux set -g allow-passthrough on` lets it pass; `netsec console` says what it \
                 sent.",
            ),
            // Before 3.3 there was no such option and everything passed.
            Some("" | "on" | "all") => Finding::ok(
                CHECK,
                "copied text passes tmux and is sent to your terminal (OSC 52)",
            ),
            Some(_) => Finding::warn(
                CHECK,
                "tmux keeps copied text from your terminal (allow-passthrough is off)",
                "`tmux set -g allow-passthrough on`, and in ~/.tmux.conf for good.",
            ),
        };
    }
    if variable("STY").is_some() || term.starts_with("screen") {
        return Finding::warn(
            CHECK,
            "GNU screen does not hand copied text on to your terminal",
            "Use tmux, or let the terminal select text; every command is shown before it is sent.",
        );
    }
    if matches!(term.as_str(), "linux" | "dumb" | "") || term.starts_with("vt") {
        return Finding::warn(
            CHECK,
            format!("a terminal `{term}` has no clipboard"),
            "Copy from the output of the same command in a shell.",
        );
    }
    Finding::ok(
        CHECK,
        "copied text is sent to your terminal (OSC 52); whether it takes it cannot be known",
    )
}

fn mouse(variable: Variable<'_>) -> Finding {
    let term = variable("TERM").unwrap_or_default();
    let text = if matches!(term.as_str(), "linux" | "dumb" | "") {
        "this terminal has none; keys do everything"
    } else {
        "left to the terminal until view.mouse asks for it; keys do everything"
    };
    Finding::ok("mouse", text)
}

/// Where the person sits.
fn link(variable: Variable<'_>) -> Option<Finding> {
    let connection = variable("SSH_CONNECTION")?;
    let from = connection.split_whitespace().next().unwrap_or("?");
    let held = variable("TMUX").is_some() || variable("STY").is_some();
    let text = if held {
        format!("over SSH from {from}, in a session that outlives the line")
    } else {
        format!("over SSH from {from}; runs go on when the line drops, the console is opened again")
    };
    Some(Finding::ok("ssh", text))
}

/// `[ui.keys]`.
fn keys(ui: &UiConfig, config_text: &str) -> Vec<Finding> {
    let (_, mut problems) = Keymap::lenient(&ui.keys);
    remap::locate(&mut problems, config_text);
    if problems.is_empty() {
        let text = match ui.keys.len() {
            0 => "as they come; [ui.keys] changes them".to_owned(),
            1 => "1 entry in [ui.keys]".to_owned(),
            n => format!("{n} entries in [ui.keys]"),
        };
        return vec![Finding::ok("keys", text)];
    }
    problems
        .into_iter()
        .map(|p| Finding::warn("keys", format!("{}; left out", p.sentence()), p.hint))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        let pairs: Vec<(String, String)> = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        move |name| {
            let found = pairs.iter().find(|(k, _)| k == name);
            found.map(|(_, v)| v.clone()).filter(|v| !v.is_empty())
        }
    }

    fn is(finding: &Finding, state: State, part: &str) {
        assert_eq!(finding.state, state, "{finding:?}");
        assert!(finding.text.contains(part), "{finding:?}");
        assert_eq!(finding.fix.is_some(), state != State::Ok, "{finding:?}");
    }

    #[test]
    fn the_terminal_is_named_and_must_be_known() {
        let xterm = env(&[("TERM", "xterm-256color")]);
        is(&terminal(&xterm, true, true), State::Ok, "xterm-256color");
        is(
            &terminal(&xterm, true, false),
            State::Warn,
            "no description",
        );
        is(&terminal(&xterm, false, false), State::Ok, "elsewhere");
        is(
            &terminal(&env(&[("TERM", "dumb")]), true, true),
            State::Warn,
            "dumb",
        );
        is(&terminal(&env(&[]), true, true), State::Warn, "``");
    }

    #[test]
    fn descriptions_are_looked_up_and_paths_are_none() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("m")).unwrap();
        std::fs::write(dir.path().join("m/myterm"), "").unwrap();
        let here = dir.path().to_str().unwrap();
        assert!(described(&env(&[("TERM", "myterm"), ("TERMINFO", here)])));
        assert!(!described(&env(&[("TERM", "mxterm"), ("TERMINFO", here)])));
        assert!(!described(&env(&[
            ("TERM", "m/../../x"),
            ("TERMINFO", here)
        ])));
        assert!(!described(&env(&[])));
    }

    #[test]
    fn sizes() {
        is(&size(true, Some((120, 36))), State::Ok, "120x36");
        is(&size(true, Some((70, 20))), State::Ok, "left out");
        is(&size(true, Some((40, 10))), State::Warn, "too small");
        is(&size(true, Some((0, 0))), State::Warn, "does not tell");
        is(&size(false, None), State::Ok, "no terminal");
    }

    #[test]
    fn colours_and_glyphs_are_those_of_the_console() {
        let ui = UiConfig::default();
        let utf8 = env(&[("TERM", "xterm-256color"), ("LANG", "de_DE.UTF-8")]);
        is(&colours(&utf8, &ui), State::Ok, "256");
        is(&locale(&utf8, &ui), State::Ok, "braille");
        let c = env(&[("TERM", "xterm"), ("LANG", "C"), ("NO_COLOR", "1")]);
        is(&colours(&c, &ui), State::Ok, "NO_COLOR");
        is(&locale(&c, &ui), State::Warn, "ASCII");
    }

    #[test]
    fn what_stands_between_decides_about_the_clipboard() {
        let tmux = env(&[("TERM", "tmux-256color"), ("TMUX", "/tmp/x,1,0")]);
        let with = |answer: Option<&str>| clipboard(&tmux, answer.map(str::to_owned));
        is(&with(Some("on")), State::Ok, "passes tmux");
        is(&with(Some("")), State::Ok, "passes tmux");
        is(&with(Some("off")), State::Warn, "allow-passthrough is off");
        is(&with(None), State::Warn, "does not say");
        let screen = env(&[("TERM", "screen"), ("STY", "1.pts")]);
        is(&clipboard(&screen, None), State::Warn, "GNU screen");
        is(
            &clipboard(&env(&[("TERM", "linux")]), None),
            State::Warn,
            "no clipboard",
        );
        is(
            &clipboard(&env(&[("TERM", "xterm")]), None),
            State::Ok,
            "OSC 52",
        );
    }

    #[test]
    fn the_line_and_the_mouse() {
        assert!(link(&env(&[])).is_none());
        let ssh = ("SSH_CONNECTION", "10.2.0.14 50022 10.2.0.1 22");
        is(
            &link(&env(&[ssh])).unwrap(),
            State::Ok,
            "from 10.2.0.14; runs go on",
        );
        is(
            &link(&env(&[ssh, ("TMUX", "x")])).unwrap(),
            State::Ok,
            "outlives",
        );
        is(&mouse(&env(&[("TERM", "linux")])), State::Ok, "none");
    }

    #[test]
    fn problems_of_keys_are_warnings_with_their_line() {
        let mut ui = UiConfig::default();
        is(&keys(&ui, "")[0], State::Ok, "as they come");
        ui.keys.insert("run.cancl".into(), "y".into());
        let found = keys(&ui, "[ui.keys]\n\"run.cancl\" = \"y\"\n");
        is(&found[0], State::Warn, "config.toml line 2");
        assert_eq!(found[0].fix.as_deref(), Some("Did you mean `run.cancel`?"));
    }
}
