//! Pushes to a published store: ended at every step and finished, and by several workspaces.

use std::fs;
use std::path::Path;

use super::look::PublishedSeen;
use super::plan::PushPlan;
use super::tests::{House, actor, scratch};
use super::*;
use crate::approval::{Decision, Journal};
use crate::error::ErrorKind;
use crate::storage::published::{Pointer, PublishedManifest, PublishedStore};
use crate::storage::{self, ending_at, load_champion};

fn pointer(house: &House) -> Option<Pointer> {
    let store = PublishedStore::look(&house.workspace, &house.config.storage).unwrap();
    store.pointer().unwrap()
}

/// What must hold whenever no order is open: journal, folder and store name the same version, and
/// everything the pointer leads to is there and whole.
fn check_settled(house: &House, version: &str) {
    assert_eq!(house.champion().as_deref(), Some(version));
    let records = Journal::read(&house.workspace).unwrap();
    let last = Journal::in_production(&records).unwrap();
    assert_eq!(last.subject.version, version);
    let pointer = pointer(house).unwrap();
    assert_eq!(pointer.version, version);
    assert!(records.iter().any(|r| r.hash == pointer.approval));
    let root = house.workspace.resolve(&house.config.storage.path);
    let read = |key: String| fs::read(root.join(key)).unwrap();
    let bytes = read(format!("manifests/{}.json", pointer.manifest));
    assert_eq!(crate::hash::sha256(&bytes), pointer.manifest);
    let manifest: PublishedManifest = serde_json::from_slice(&bytes).unwrap();
    let in_place = house.workspace.final_model();
    for file in &manifest.files {
        let blob = read(format!(
            "blobs/sha256/{}/{}",
            &file.sha256[..2],
            file.sha256
        ));
        assert_eq!(crate::hash::sha256(&blob), file.sha256);
        if file.path != storage::MANIFEST_FILE {
            assert_eq!(fs::read(in_place.join(&file.path)).unwrap(), blob);
        }
    }
    for seq in 1..=pointer.seq {
        let segment: serde_json::Value =
            serde_json::from_slice(&read(format!("audit/{seq}.json"))).unwrap();
        assert_eq!(segment["seq"], seq);
        let last = segment["records"].as_array().unwrap().last().unwrap();
        assert!(
            matches!(last["decision"].as_str(), Some("push" | "rollback")),
            "{last}"
        );
    }
}

#[test]
fn a_push_and_a_rollback_are_published_with_all_that_is_behind_them() {
    let house = House::new();
    let receipt = house.approve(&house.run(1, 0.3), "mara").unwrap();
    let named = |part: &str| receipt.lines.iter().any(|l| l.contains(part));
    for part in [
        "Artifacts/store/blobs/sha256/",
        "Artifacts/store/manifests/",
        "Artifacts/store/models/netsec/versions/1.json",
        "Artifacts/store/models/netsec/champion.json",
        "Artifacts/store/audit/1.json",
        "final_model/ is v1",
    ] {
        assert!(named(part), "{part}: {:?}", receipt.lines);
    }
    check_settled(&house, "v1");
    house.approve(&house.run(2, 0.4), "mara").unwrap();
    check_settled(&house, "v2");
    house.rollback(None).unwrap();
    check_settled(&house, "v1");
    assert_eq!(pointer(&house).unwrap().seq, 3);
    // Every record up to the last order stands in exactly one segment.
    let mut copied = Vec::new();
    for seq in 1..=3 {
        let path = house
            .workspace
            .artifacts()
            .join(format!("store/audit/{seq}.json"));
        let segment: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        for record in segment["records"].as_array().unwrap() {
            copied.push(record["seq"].as_u64().unwrap());
        }
    }
    assert_eq!(copied, (1..=7).collect::<Vec<_>>());
}

/// Ends a decision at each of its points in turn; the next decision must finish it, whatever was
/// done and left.
fn finished_from_every_point(
    prepare: impl Fn(&House, &PushPlan),
    decide: impl Fn(&House, &PushPlan) -> Result<Receipt, CommandError>,
    next: impl Fn(&House, &PushPlan) -> Result<Receipt, CommandError>,
    version: &str,
    at_least: usize,
) {
    let build = || {
        let house = House::new();
        house.approve(&house.run(1, 0.3), "mara").unwrap();
        let plan = house.run(2, 0.4);
        prepare(&house, &plan);
        (house, plan)
    };
    let (house, plan) = build();
    let (result, points) = ending_at(None, || decide(&house, &plan));
    result.unwrap();
    check_settled(&house, version);
    let undisturbed = house.decisions();
    assert!(points.len() >= at_least, "{points:?}");
    for at in 1..=points.len() {
        let (house, plan) = build();
        let (result, _) = ending_at(Some(at), || decide(&house, &plan));
        let e = result.unwrap_err();
        assert!(e.hints.iter().any(|h| h.contains("stays ordered")), "{e:?}");
        // And once more in the middle of finishing it.
        let (_, _) = ending_at(Some(1 + at / 2), || next(&house, &plan));
        // The decision that finishes it may itself be one that is no longer needed.
        match next(&house, &plan) {
            Ok(_) => {}
            Err(e) => assert_eq!(e.kind, ErrorKind::Refused, "point {at}: {e}"),
        }
        check_settled(&house, version);
        assert_eq!(house.decisions(), undisturbed, "point {at}");
    }
}

#[test]
fn a_push_that_died_at_any_step_is_finished_by_the_next_decision() {
    finished_from_every_point(
        |_, _| {},
        |house, plan| house.approve(plan, "mara"),
        |house, plan| house.approve(plan, "mara"),
        "v2",
        12,
    );
}

#[test]
fn a_rollback_that_died_at_any_step_is_finished_by_the_next_decision() {
    finished_from_every_point(
        |house, plan| drop(house.approve(plan, "mara").unwrap()),
        |house, _| house.rollback(Some("v1")),
        |house, _| house.rollback(Some("v1")),
        "v1",
        10,
    );
}

/// Two workspaces that publish to one folder.
fn two_workspaces(shared: &Path) -> (House, House) {
    let mut a = House::new();
    let mut b = House::new();
    a.config.storage.path = shared.to_owned();
    b.config.storage.path = shared.to_owned();
    (a, b)
}

#[test]
fn the_one_who_is_late_is_told_who_was_there_and_nothing_changes() {
    let shared = scratch();
    let (a, b) = two_workspaces(shared.path());
    let plan_a = a.run(1, 0.3);
    let plan_b = b.run(2, 0.4);
    a.approve(&plan_a, "mara").unwrap();
    let e = b.approve(&plan_b, "jon").unwrap_err();
    assert_eq!(e.kind, ErrorKind::Refused);
    let by = format!("v1 of run {}, put there by mara (from here)", plan_a.run_id);
    assert!(e.message.contains(&by), "{e}");
    assert_eq!(b.champion(), None);
    assert!(storage::versions(&b.workspace).unwrap().is_empty());
    assert_eq!(
        b.decisions(),
        [Decision::Approve, Decision::Push, Decision::PushLost]
    );
    // The plan is closed for good, for every viewer.
    assert!(pending(&b.workspace, &b.config).unwrap().is_empty());
    let again = b.approve(&plan_b, "jon").unwrap_err();
    assert!(again.message.contains("put there by mara"), "{again}");
    assert_eq!(b.decisions().len(), 3);
    // A new plan follows what is published: the next number, replacing v1.
    let plan = b.run(3, 0.4);
    assert_eq!(plan.version, "v2");
    assert!(matches!(&plan.published, Some(PublishedSeen::Champion(p)) if p.version == "v1"));
    b.approve(&plan, "jon").unwrap();
    check_settled(&b, "v2");
    // Now it is the first one's turn to be told; it does not put its own back unseen.
    let e = a.rollback(Some("v1")).unwrap_err();
    assert_eq!(e.kind, ErrorKind::Refused);
    assert!(e.message.contains("put there by jon"), "{e}");
    assert_eq!(a.champion().as_deref(), Some("v1"));
}

#[test]
fn of_two_pushers_at_once_exactly_one_wins() {
    for _ in 0..8 {
        let shared = scratch();
        let (a, b) = two_workspaces(shared.path());
        let (plan_a, plan_b) = (a.run(1, 0.3), b.run(2, 0.4));
        let (a_result, b_result) = std::thread::scope(|scope| {
            let one = scope.spawn(|| a.approve(&plan_a, "mara"));
            let two = scope.spawn(|| b.approve(&plan_b, "jon"));
            (one.join().unwrap(), two.join().unwrap())
        });
        let (winner, loser, e, name) = match (a_result, b_result) {
            (Ok(_), Err(e)) => (&a, &b, e, "mara"),
            (Err(e), Ok(_)) => (&b, &a, e, "jon"),
            (a, b) => panic!("{a:?} {b:?}"),
        };
        check_settled(winner, "v1");
        assert_eq!(e.kind, ErrorKind::Refused);
        assert!(e.message.contains(name), "{e}");
        assert_eq!(loser.champion(), None);
        assert_eq!(loser.decisions().last(), Some(&Decision::PushLost));
    }
}

#[test]
fn a_push_that_was_overtaken_after_its_exchange_is_completed() {
    let shared = scratch();
    let (a, b) = two_workspaces(shared.path());
    let plan = a.run(1, 0.3);
    let (_, points) = ending_at(None, || {
        let house = House::new();
        house.approve(&house.run(1, 0.3), "mara").unwrap();
    });
    let at = points
        .iter()
        .position(|p| p == "after the exchange")
        .unwrap()
        + 1;
    let (ended, _) = ending_at(Some(at), || a.approve(&plan, "mara"));
    ended.unwrap_err();
    b.approve(&b.run(2, 0.4), "jon").unwrap();
    let receipt = a.approve(&plan, "mara").unwrap();
    assert!(
        receipt
            .lines
            .iter()
            .any(|l| l.contains("since then") && l.contains("jon")),
        "{:?}",
        receipt.lines
    );
    assert_eq!(a.champion().as_deref(), Some("v1"));
    assert_eq!(a.decisions().last(), Some(&Decision::Pushed));
    check_settled(&b, "v2");
}

#[test]
fn a_store_that_cannot_be_used_leaves_nothing_recorded() {
    let mut house = House::new();
    let blocked = house.workspace.root().join("blocked");
    fs::create_dir_all(blocked.join("models/netsec/champion.json")).unwrap();
    house.config.storage.path = "blocked".into();
    let plan = house.run(1, 0.3);
    assert_eq!(plan.published, Some(PublishedSeen::Unknown));
    let e = house.approve(&plan, "mara").unwrap_err();
    assert_eq!(e.kind, ErrorKind::Backend);
    assert!(house.decisions().is_empty());
    // It works again: the plan that could not ask accepts what is its own, or nothing.
    fs::remove_dir_all(&blocked).unwrap();
    house.approve(&plan, "mara").unwrap();
    check_settled(&house, "v1");
}

#[test]
fn an_order_to_a_store_that_is_gone_is_closed_when_another_one_is_configured() {
    let mut house = House::new();
    let plan = house.run(1, 0.3);
    let (ended, _) = ending_at(Some(3), || house.approve(&plan, "mara"));
    ended.unwrap_err();
    house.config.storage.path = "elsewhere".into();
    let e = house.approve(&plan, "mara").unwrap_err();
    assert_eq!(e.kind, ErrorKind::Refused);
    assert!(e.message.contains("names elsewhere/ now"), "{e}");
    assert_eq!(house.champion(), None);
    assert_eq!(house.decisions().last(), Some(&Decision::PushLost));
    house.approve(&house.run(2, 0.4), "mara").unwrap();
    check_settled(&house, "v1");
}

#[test]
fn a_plan_is_good_for_its_own_targets_only() {
    let mut house = House::new();
    let plan = house.run(1, 0.3);
    house.config.storage.path = "elsewhere".into();
    let e = house.approve(&plan, "mara").unwrap_err();
    assert_eq!(e.kind, ErrorKind::Refused);
    assert!(e.message.contains("Artifacts/store/"), "{e}");
    assert!(house.decisions().is_empty());
}

#[test]
fn a_champion_of_before_there_was_a_store_can_be_published() {
    let house = House::new();
    house.approve(&house.run(1, 0.3), "mara").unwrap();
    fs::remove_dir_all(house.workspace.artifacts().join("store")).unwrap();
    assert!(pointer(&house).is_none());
    house.rollback(Some("v1")).unwrap();
    let found = pointer(&house).unwrap();
    assert_eq!((found.version.as_str(), found.seq), ("v1", 1));
    assert!(load_champion(&house.workspace).unwrap().is_some());
    let again = house.rollback(Some("v1")).unwrap_err();
    assert_eq!(again.kind, ErrorKind::Refused);
}

#[test]
fn the_journal_of_a_lost_push_is_whole_and_reads_back() {
    let shared = scratch();
    let (a, b) = two_workspaces(shared.path());
    let (plan_a, plan_b) = (a.run(1, 0.3), b.run(2, 0.4));
    a.approve(&plan_a, "mara").unwrap();
    b.approve(&plan_b, "jon").unwrap_err();
    let records = Journal::read(&b.workspace).unwrap();
    assert_eq!(Journal::report(&records).records, 3);
    assert!(records[2].reason.contains("mara"));
    assert!(Journal::in_production(&records).is_none());
    // Records without a published store are written as former versions wrote them.
    let text = fs::read_to_string(b.workspace.journal()).unwrap();
    assert!(!text.lines().next().unwrap().contains("published"));
    reject(
        &b.workspace,
        &b.config,
        &plan_b.plan_id,
        actor("jon"),
        "late",
    )
    .unwrap();
}
