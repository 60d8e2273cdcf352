//! Checks of this session: cores, terminal, and whether a run survives logout.

use std::env;
use std::fs;
use std::path::Path;

use super::Finding;
use crate::config::ColourLevel;
use crate::console::theme::Colours;

/// Runs the checks.
pub(super) fn check() -> Vec<Finding> {
    vec![cores(), xgboost(), terminal(), locale(), lingering()]
}

fn cores() -> Finding {
    match std::thread::available_parallelism() {
        Ok(n) => Finding::ok("cores", format!("{n}")),
        Err(e) => Finding::warn("cores", format!("unknown: {e}"), "Set [training] cores."),
    }
}

fn xgboost() -> Finding {
    if cfg!(feature = "xgboost") {
        Finding::ok("xgboost", "built in")
    } else {
        Finding::warn(
            "xgboost",
            "this build leaves XGBoost out",
            "Build with default features.",
        )
    }
}

fn terminal() -> Finding {
    let term = env::var("TERM").unwrap_or_default();
    if term.is_empty() || term == "dumb" {
        return Finding::warn(
            "terminal",
            format!("TERM is `{term}`, screens cannot be drawn"),
            "Use `netsec watch RUN --plain`, or a terminal that sets TERM.",
        );
    }
    let level = Colours::detect(|name| env::var(name).ok(), ColourLevel::Auto);
    let colours = if level == Colours::None && env::var_os("NO_COLOR").is_some() {
        "no colours (NO_COLOR)"
    } else {
        level.name()
    };
    let tmux = if env::var_os("TMUX").is_some() {
        ", inside tmux"
    } else {
        ""
    };
    Finding::ok("terminal", format!("{term}, {colours}{tmux}"))
}

fn locale() -> Finding {
    let value = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| env::var(name).ok().filter(|v| !v.is_empty()))
        .unwrap_or_default();
    let utf8 = value.to_ascii_lowercase().replace('-', "").contains("utf8");
    if utf8 {
        Finding::ok("locale", format!("{value}, plots in braille"))
    } else {
        Finding::warn(
            "locale",
            format!("`{value}` is no UTF-8 locale, plots are drawn in ASCII"),
            "Set LANG to a UTF-8 locale (C.UTF-8), or leave it: everything works in ASCII.",
        )
    }
}

/// logind may kill every process of a user at logout; then a detached run dies with the session.
fn lingering() -> Finding {
    const CHECK: &str = "lingering";
    if !Path::new("/run/systemd/system").exists() {
        return Finding::ok(CHECK, "no systemd: a detached run survives logout");
    }
    let user = env::var("USER")
        .or_else(|_| env::var("LOGNAME"))
        .unwrap_or_default();
    if !user.is_empty() && Path::new("/var/lib/systemd/linger").join(&user).exists() {
        return Finding::ok(
            CHECK,
            format!("on for {user}: a detached run survives logout"),
        );
    }
    if kills_user_processes() {
        Finding::warn(
            CHECK,
            "logind kills a user's processes at logout (KillUserProcesses=yes): a detached run \
             would die with the session",
            format!("`loginctl enable-linger {user}`"),
        )
    } else {
        Finding::ok(
            CHECK,
            "KillUserProcesses is off: a detached run survives logout",
        )
    }
}

fn kills_user_processes() -> bool {
    let mut files = vec![Path::new("/etc/systemd/logind.conf").to_owned()];
    for dir in [
        "/usr/lib/systemd/logind.conf.d",
        "/etc/systemd/logind.conf.d",
    ] {
        if let Ok(entries) = fs::read_dir(dir) {
            let mut more: Vec<_> = entries.flatten().map(|e| e.path()).collect();
            more.sort();
            files.extend(more);
        }
    }
    let mut kills = false;
    for file in files {
        for line in fs::read_to_string(file).unwrap_or_default().lines() {
            if let Some(value) = line.trim().strip_prefix("KillUserProcesses=") {
                kills = matches!(value.trim(), "yes" | "true" | "1" | "on");
            }
        }
    }
    kills
}
