//! The layout and the pointer over a folder; the damaged, the late and the store without
//! conditions.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::*;
use crate::events::Actor;
use crate::hash;
use crate::storage::object_store::LocalStore;
use crate::storage::{MANIFEST_FILE, MODEL_FILE, Manifest, PREPROCESSOR_FILE, SCHEMA_FILE};

struct House {
    dir: tempfile::TempDir,
    store: PublishedStore,
}

fn actor(name: &str) -> Actor {
    Actor {
        name: name.to_owned(),
        from: "here".to_owned(),
    }
}

fn time() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn order(hash: &str, before: Option<PointerRef>) -> Order {
    Order {
        hash: hash.to_owned(),
        by: actor("mara"),
        reason: "because".to_owned(),
        at: time(),
        before,
    }
}

impl House {
    fn new() -> Self {
        Self::with(Conditions::Kept)
    }

    fn with(conditions: Conditions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut local = LocalStore::new(dir.path().join("store"), "store");
        local.ignores_conditions = conditions == Conditions::Ignored;
        let store = PublishedStore::over(ObjectStore::Local(local), conditions);
        Self { dir, store }
    }

    fn release(&self, version: &str, content: &str, approval: &str) -> Release {
        let folder = self.dir.path().join(format!("{version}-{content}"));
        fs::create_dir_all(&folder).unwrap();
        let mut files = BTreeMap::new();
        for name in [MODEL_FILE, PREPROCESSOR_FILE, SCHEMA_FILE] {
            let text = format!("{name} {content}");
            fs::write(folder.join(name), &text).unwrap();
            files.insert(name.to_owned(), hash::sha256(text.as_bytes()));
        }
        let manifest = Manifest {
            format: Manifest::FORMAT.into(),
            format_version: Manifest::FORMAT_VERSION,
            version: version.into(),
            run_id: "20261122-1230-7f3a".into(),
            plan_id: content.into(),
            learner: "xgboost".into(),
            classes: vec!["normal".into(), "attack".into()],
            threshold: Some(0.5),
            files,
            data_digest: "d".into(),
            f1: None,
            approvals: Vec::new(),
            champion_before: None,
            journal_hash: approval.into(),
            pushed_at: time(),
            program: None,
            gate_sha256: None,
        };
        fs::write(
            folder.join(MANIFEST_FILE),
            serde_json::to_vec(&manifest).unwrap(),
        )
        .unwrap();
        Release { folder, manifest }
    }

    fn publish(&self, release: &Release, order: &Order) -> Published {
        self.store.publish(release, order, &|_| {}).unwrap()
    }

    fn done(&self, release: &Release, order: &Order) -> Pointer {
        match self.publish(release, order) {
            Published::Done { pointer, .. } => *pointer,
            Published::Lost { reason } => panic!("lost: {reason}"),
        }
    }

    fn lost(&self, release: &Release, order: &Order) -> String {
        match self.publish(release, order) {
            Published::Lost { reason } => reason,
            Published::Done { lines, .. } => panic!("done: {lines:?}"),
        }
    }

    fn path(&self, key: &str) -> std::path::PathBuf {
        self.dir.path().join("store").join(key)
    }
}

fn all_files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().display().to_string();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn everything_lies_where_the_layout_says_and_hashes_to_its_name() {
    let house = House::new();
    let release = house.release("v1", "one", "order-1");
    let pointer = house.done(&release, &order("order-1", None));
    house.store.put_audit(1, "first", &["r1", "r2"]).unwrap();
    house.store.put_copies(&release, &pointer).unwrap();

    let files = all_files(&house.dir.path().join("store"));
    let mut blobs = 0;
    for (name, bytes) in &files {
        if let Some(rest) = name.strip_prefix("root/blobs/sha256/") {
            let sha256 = hash::sha256(bytes);
            assert_eq!(rest, format!("{}/{sha256}", &sha256[..2]));
            blobs += 1;
        }
    }
    assert_eq!(blobs, 4);
    let bytes = &files[&format!("root/manifests/{}.json", pointer.manifest)];
    assert_eq!(hash::sha256(bytes), pointer.manifest);
    let manifest: PublishedManifest = serde_json::from_slice(bytes).unwrap();
    assert_eq!(documents::canonical(&manifest), *bytes);
    let names: Vec<&str> = manifest.files.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(
        names,
        [MANIFEST_FILE, MODEL_FILE, PREPROCESSOR_FILE, SCHEMA_FILE]
    );
    for file in &manifest.files {
        let key = format!("root/blobs/sha256/{}/{}", &file.sha256[..2], file.sha256);
        assert_eq!(files[&key].len() as u64, file.size);
        assert_eq!(files[&format!("copies/{}", file.path)], files[&key]);
    }
    assert!(files.contains_key("root/models/netsec/versions/1.json"));
    assert!(files.contains_key("root/audit/1.json"));
    assert_eq!(house.store.pointer().unwrap().unwrap(), pointer);
    assert_eq!(house.store.highest_version().unwrap(), 1);
}

#[test]
fn publishing_twice_changes_nothing() {
    let house = House::new();
    let release = house.release("v1", "one", "order-1");
    let order = order("order-1", None);
    let pointer = house.done(&release, &order);
    let before = all_files(&house.dir.path().join("store"));
    assert_eq!(house.done(&release, &order), pointer);
    assert_eq!(all_files(&house.dir.path().join("store")), before);
}

#[test]
fn who_is_late_is_told_who_was_there() {
    let house = House::new();
    let first = house.done(
        &house.release("v1", "one", "order-1"),
        &order("order-1", None),
    );
    // Another number, the pointer is not what was expected.
    let reason = house.lost(
        &house.release("v2", "two", "order-2"),
        &order("order-2", None),
    );
    for part in [
        "mara",
        "v1",
        "2026-",
        "expected no champion",
        "champion.json",
    ] {
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!(house.store.pointer().unwrap().unwrap(), first);
    // The same number.
    let next = order("order-3", Some(first.reference()));
    let reason = house.lost(&house.release("v1", "three", "order-3"), &next);
    assert!(reason.contains("is another model"), "{reason}");
    // Expecting what is there.
    let second = house.done(&house.release("v2", "two", "order-3"), &next);
    assert_eq!((second.seq, second.previous), (2, Some(first.reference())));
    // An order that was carried out and replaced.
    let reason = house.lost(
        &house.release("v1", "one", "order-1"),
        &order("order-1", None),
    );
    assert!(
        reason.contains("replaced what this order had put there"),
        "{reason}"
    );
    // A pointer that is gone.
    fs::remove_file(house.path("root/models/netsec/champion.json")).unwrap();
    let gone = order("order-4", Some(first.reference()));
    let reason = house.lost(&house.release("v3", "four", "order-4"), &gone);
    assert!(reason.contains("is gone"), "{reason}");
}

#[test]
fn a_damaged_blob_is_noticed_and_written_anew() {
    let house = House::new();
    let release = house.release("v1", "one", "order-1");
    let sha256 = &release.manifest.files[MODEL_FILE];
    let blob = house.path(&format!("root/blobs/sha256/{}/{sha256}", &sha256[..2]));
    fs::create_dir_all(blob.parent().unwrap()).unwrap();
    fs::write(&blob, "rotten").unwrap();
    let Published::Done { lines, .. } = house.publish(&release, &order("order-1", None)) else {
        panic!("lost")
    };
    assert!(lines.iter().any(|l| l.contains("was damaged")), "{lines:?}");
    assert_eq!(hash::sha256_file(&blob).unwrap(), *sha256);
}

#[test]
fn a_kept_file_that_changed_is_never_published() {
    let house = House::new();
    let release = house.release("v1", "one", "order-1");
    fs::write(release.folder.join(MODEL_FILE), "something else").unwrap();
    let e = house
        .store
        .publish(&release, &order("order-1", None), &|_| {})
        .unwrap_err();
    assert!(e.to_string().contains("damaged"), "{e}");
    assert_eq!(house.store.pointer().unwrap(), None);
}

#[test]
fn copies_are_left_to_who_moved_the_pointer_on() {
    let house = House::new();
    let one = house.release("v1", "one", "order-1");
    let first = house.done(&one, &order("order-1", None));
    let two = house.release("v2", "two", "order-2");
    let second = house.done(&two, &order("order-2", Some(first.reference())));
    house.store.put_copies(&two, &second).unwrap();
    let lines = house.store.put_copies(&one, &first).unwrap();
    assert!(lines.last().unwrap().contains("is left to v2"), "{lines:?}");
    let manifest = fs::read(house.path("copies/manifest.json")).unwrap();
    let manifest: Manifest = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest.version, "v2");
}

#[test]
fn a_store_without_conditions_is_found_out_and_handled() {
    let house = House::new();
    let workspace = Workspace::new(house.dir.path());
    assert_eq!(house.store.probe(&workspace).unwrap(), Conditions::Kept);
    let house = House::with(Conditions::Ignored);
    let workspace = Workspace::new(house.dir.path());
    assert_eq!(house.store.probe(&workspace).unwrap(), Conditions::Ignored);
    assert!(house.store.objects.list("root/probe/").unwrap().is_empty());
    // One after the other works as ever: the state is read before and after.
    let first = house.done(
        &house.release("v1", "one", "order-1"),
        &order("order-1", None),
    );
    let reason = house.lost(
        &house.release("v1", "two", "order-2"),
        &order("order-2", None),
    );
    assert!(reason.contains("mara"), "{reason}");
    let next = order("order-3", Some(first.reference()));
    assert_eq!(
        house
            .done(&house.release("v2", "two", "order-3"), &next)
            .seq,
        2
    );
}

#[test]
fn a_pointer_of_another_format_is_refused() {
    let house = House::new();
    let path = house.path("root/models/netsec/champion.json");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "{\"champion\": 1}").unwrap();
    let e = house.store.pointer().unwrap_err();
    assert!(e.to_string().contains("champion.json"), "{e}");
}

#[test]
fn addresses_follow_from_the_configuration_alone() {
    let mut config = StorageConfig::default();
    assert_eq!(StoreAddress::of(&config).root, "Artifacts/store/");
    config.kind = StorageKind::S3;
    config.bucket = Some("models".to_owned());
    let address = StoreAddress::of(&config);
    assert_eq!(address.root, "s3://models/netsec/");
    assert_eq!(address.copies.as_deref(), Some("s3://models/final_model/"));
    config.prefix = "/a//b/".to_owned();
    assert_eq!(StoreAddress::of(&config).root, "s3://models/a/b/");
    config.prefix = String::new();
    assert_eq!(StoreAddress::of(&config).root, "s3://models/");
}
