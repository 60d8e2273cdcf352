//! The command table agrees with itself, with the command line and with the README.

use std::collections::{BTreeMap, BTreeSet};

use clap::{CommandFactory, Parser};

use crate::cli::Cli;
use crate::console::commands::{self, COMMANDS, Command, Risk, Scope, Screen};
use crate::console::effect::Effect;
use crate::console::jobs::Job;
use crate::console::keymap::{self, Chord, Keymap};
use crate::console::testing::*;

#[test]
fn ids_are_unique_and_kebab_case() {
    let mut seen = BTreeSet::new();
    for spec in COMMANDS {
        assert!(seen.insert(spec.id), "{} twice", spec.id);
        let (group, name) = spec.id.split_once('.').expect("group.name");
        for part in [group, name] {
            assert!(
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
                "{}",
                spec.id
            );
        }
    }
}

#[test]
fn every_command_has_one_row_and_every_row_is_documented() {
    for spec in COMMANDS {
        assert_eq!(commands::of(spec.command).id, spec.id);
        assert!(
            spec.doc.ends_with('.') && spec.doc.len() > 10,
            "{}",
            spec.id
        );
        assert!(
            !spec.title.is_empty() && !spec.label.is_empty(),
            "{}",
            spec.id
        );
    }
}

#[test]
fn default_keys_can_be_read_and_mean_one_thing() {
    for spec in COMMANDS {
        for key in spec.keys {
            let chord = Chord::parse(key).unwrap_or_else(|| panic!("{}: {key}", spec.id));
            assert_eq!(chord.to_string(), *key);
        }
    }
    Keymap::new(&BTreeMap::new()).unwrap();
}

#[test]
fn production_has_no_key_and_opens_a_dialog() {
    for spec in COMMANDS.iter().filter(|s| s.risk == Risk::Production) {
        assert!(spec.keys.is_empty(), "{}", spec.id);
        let remapped = BTreeMap::from([(spec.id.to_owned(), "ctrl-t".to_owned())]);
        let mut model = waiting((120, 36));
        model.keymap = Keymap::new(&remapped).unwrap();
        let effects = press(&mut model, "6 ctrl-t");
        assert_eq!(model.dialogs.len(), 1, "{}", spec.id);
        // Only that somebody looks at the plan is noted.
        let harmless = |e: &Effect| {
            matches!(
                e,
                Effect::Run {
                    job: Job::Hold(_),
                    ..
                }
            )
        };
        assert!(effects.iter().all(harmless), "{}: {effects:?}", spec.id);
    }
}

#[test]
fn every_shell_command_parses() {
    for spec in COMMANDS {
        let Some(shell) = spec.shell else { continue };
        let line = shell.replace("{run}", "latest").replace("{plan}", "8d7f");
        Cli::command().debug_assert();
        if let Err(e) = Cli::try_parse_from(line.split_whitespace()) {
            panic!("{}: `{line}`: {e}", spec.id);
        }
    }
}

#[test]
fn every_writing_command_has_a_twin_in_the_shell() {
    for spec in COMMANDS.iter().filter(|s| s.risk != Risk::None) {
        // The decision dialog is the door to the two commands that write.
        let door = spec.command == Command::Decide;
        assert!(spec.shell.is_some() || door, "{}", spec.id);
    }
}

#[test]
fn remapping() {
    let map =
        |id: &str, keys: &str| Keymap::new(&BTreeMap::from([(id.to_owned(), keys.to_owned())]));
    let keymap = map("run.stop-after-round", "ctrl-s f2").unwrap();
    let chord = |k| Chord::parse(k).unwrap();
    assert_eq!(
        keymap.on_screen(Screen::Training, chord("f2")),
        Some(Command::StopAfterRound)
    );
    assert_eq!(keymap.on_screen(Screen::Training, chord("c")), None);
    assert_eq!(keymap.on_screen(Screen::Approval, chord("f2")), None);
    let e = map("run.stop-after-rond", "c").unwrap_err();
    assert_eq!(e.hints, vec!["Did you mean `run.stop-after-round`?"]);
    assert!(
        map("run.cancel", "strg-x")
            .unwrap_err()
            .message
            .contains("`strg-x` is not a key")
    );
    let e = map("run.cancel", "c").unwrap_err();
    assert!(
        e.message.contains("run.stop-after-round") && e.message.contains("run.cancel"),
        "{e}"
    );
    assert!(map("app.quit", "none").is_err(), "there must be a way out");
    assert!(
        map("dialog.close", "q").is_err(),
        "a letter would be typed into the field"
    );
    assert!(map("view.glyphs", "none").is_ok());
}

#[test]
fn scopes_say_where_keys_meet() {
    let home = Scope::On(&[Screen::Home]);
    let train = Scope::On(&[Screen::Training]);
    assert!(!home.overlaps(train));
    assert!(home.overlaps(Scope::Everywhere));
    assert!(!Scope::Dialog.overlaps(Scope::Everywhere));
}

#[test]
fn the_readme_prints_this_table() {
    let readme = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    let (_, rest) = text.split_once("<!-- keys -->\n").expect("the key table");
    let (printed, _) = rest
        .split_once("<!-- /keys -->")
        .expect("the end of the key table");
    let table = keymap::markdown(&Keymap::default());
    assert_eq!(
        printed.trim(),
        table.trim(),
        "print it with `netsec keys --markdown`"
    );
}

#[test]
fn the_table_of_netsec_keys() {
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots"}, {
        insta::assert_snapshot!("netsec_keys", keymap::table(&Keymap::default()));
    });
}
