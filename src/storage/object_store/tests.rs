//! The folder as a store. The same calls against real servers stand in the tests of the program.

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;

use super::*;

fn store() -> (tempfile::TempDir, ObjectStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = ObjectStore::Local(LocalStore::new(dir.path().join("store"), "store"));
    (dir, store)
}

fn written(put: Put) -> Etag {
    match put {
        Put::Written(etag) => etag,
        Put::Refused => panic!("refused"),
    }
}

#[test]
fn creates_once_and_replaces_only_what_was_read() {
    let (_dir, store) = store();
    assert_eq!(store.get("a/b").unwrap(), None);
    assert_eq!(store.head("a/b").unwrap(), None);
    let first = written(store.put_if_absent("a/b", b"one").unwrap());
    assert_eq!(store.put_if_absent("a/b", b"two").unwrap(), Put::Refused);
    let object = store.get("a/b").unwrap().unwrap();
    assert_eq!(
        (object.bytes.as_slice(), &object.etag),
        (&b"one"[..], &first)
    );
    let second = written(store.put_if_matches("a/b", b"two", &first).unwrap());
    assert_eq!(
        store.put_if_matches("a/b", b"three", &first).unwrap(),
        Put::Refused
    );
    assert_eq!(
        store.put_if_matches("a/c", b"x", &second).unwrap(),
        Put::Refused
    );
    assert_eq!(store.get("a/c").unwrap(), None);
    let found = store.fingerprint("a/b").unwrap().unwrap();
    assert_eq!((found.sha256, found.size), (hash::sha256(b"two"), 3));
}

#[test]
fn of_many_writers_with_one_condition_exactly_one_wins() {
    let (_dir, store) = store();
    let etag = written(store.put_if_absent("pointer", b"0").unwrap());
    let race = |write: &(dyn Fn(usize) -> Put + Sync)| {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (1..=8).map(|n| scope.spawn(move || write(n))).collect();
            let won = threads
                .into_iter()
                .filter_map(|t| matches!(t.join().unwrap(), Put::Written(_)).then_some(()));
            won.count()
        })
    };
    let text = |n: usize| n.to_string().into_bytes();
    assert_eq!(race(&|n| store.put_if_absent("new", &text(n)).unwrap()), 1);
    let replaced = race(&|n| store.put_if_matches("pointer", &text(n), &etag).unwrap());
    assert_eq!(replaced, 1);
}

#[test]
fn keys_never_lead_out_of_the_store() {
    let (_dir, store) = store();
    for key in [
        "", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", ".lock", "a\nb", "a\\b",
    ] {
        assert!(
            matches!(store.put_if_absent(key, b"x"), Err(ObjectError::Key { .. })),
            "{key:?}"
        );
        assert!(store.get(key).is_err(), "{key:?}");
    }
}

#[test]
fn lists_by_prefix_and_leaves_unfinished_files_out() {
    let (dir, store) = store();
    for key in ["m/v/2.json", "m/v/10.json", "m/champion.json", "mx", "b/1"] {
        store.put_if_absent(key, b"1").unwrap();
    }
    fs::write(dir.path().join("store/m/v/.writing-x"), "torn").unwrap();
    let keys = |prefix: &str| -> Vec<String> {
        let listed = store.list(prefix).unwrap();
        listed.into_iter().map(|o| o.key).collect()
    };
    assert_eq!(keys("m/v/"), ["m/v/10.json", "m/v/2.json"]);
    assert_eq!(
        keys("m"),
        ["m/champion.json", "m/v/10.json", "m/v/2.json", "mx"]
    );
    assert!(keys("nothing/").is_empty());
    store.delete("m/v/2.json").unwrap();
    store.delete("m/v/2.json").unwrap();
    assert_eq!(keys("m/v/"), ["m/v/10.json"]);
}

#[test]
fn a_file_is_written_with_its_hash() {
    let (dir, store) = store();
    let path = dir.path().join("model.json");
    fs::write(&path, vec![7; 200_000]).unwrap();
    let payload = Payload::file(&path).unwrap();
    assert_eq!(payload.size(), 200_000);
    let put = store
        .put("m", &payload, &Condition::Absent, &|_, _| {})
        .unwrap();
    assert!(matches!(put, Put::Written(_)));
    let found = store.fingerprint("m").unwrap().unwrap();
    assert_eq!(found.sha256, payload.sha256());
}

#[derive(Clone, Debug)]
enum Call {
    Absent(u8, u8),
    Matches(u8, u8, bool),
    Always(u8, u8),
    Delete(u8),
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        (0..4u8, any::<u8>()).prop_map(|(k, v)| Call::Absent(k, v)),
        (0..4u8, any::<u8>(), any::<bool>()).prop_map(|(k, v, fresh)| Call::Matches(k, v, fresh)),
        (0..4u8, any::<u8>()).prop_map(|(k, v)| Call::Always(k, v)),
        (0..4u8).prop_map(Call::Delete),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever calls come in whatever order, the store holds what a map would.
    #[test]
    fn behaves_as_a_map(calls in proptest::collection::vec(call(), 0..30)) {
        let (_dir, store) = store();
        let mut map: BTreeMap<u8, u8> = BTreeMap::new();
        for call in calls {
            match call {
                Call::Absent(k, v) => {
                    let put = store.put_if_absent(&format!("k/{k}"), &[v]).unwrap();
                    prop_assert_eq!(put == Put::Refused, map.contains_key(&k));
                    map.entry(k).or_insert(v);
                }
                Call::Matches(k, v, fresh) => {
                    let key = format!("k/{k}");
                    let etag = match store.head(&key).unwrap() {
                        Some(head) if fresh => head.etag,
                        _ => Etag("stale".to_owned()),
                    };
                    let put = store.put_if_matches(&key, &[v], &etag).unwrap();
                    let holds = fresh && map.contains_key(&k);
                    prop_assert_eq!(put != Put::Refused, holds);
                    if holds {
                        map.insert(k, v);
                    }
                }
                Call::Always(k, v) => {
                    let payload = Payload::bytes(vec![v]);
                    store.put(&format!("k/{k}"), &payload, &Condition::Always, &|_, _| {}).unwrap();
                    map.insert(k, v);
                }
                Call::Delete(k) => {
                    store.delete(&format!("k/{k}")).unwrap();
                    map.remove(&k);
                }
            }
        }
        let keys: Vec<String> = map.keys().map(|k| format!("k/{k}")).collect();
        let listed: Vec<String> = store.list("k/").unwrap().into_iter().map(|o| o.key).collect();
        prop_assert_eq!(keys, listed);
        for (k, v) in map {
            prop_assert_eq!(store.get(&format!("k/{k}")).unwrap().unwrap().bytes, vec![v]);
        }
    }
}

#[test]
fn errors_say_what_to_do_and_end_with_the_code_of_backends() {
    use crate::error::{CommandError, ErrorKind};
    for problem in [
        Problem::NoCredentials,
        Problem::Expired,
        Problem::UnknownKey,
        Problem::WrongSecret,
        Problem::Denied,
        Problem::NoBucket,
        Problem::WrongRegion(Some("eu-west-1".to_owned())),
        Problem::Refused,
        Problem::Tls("the handshake failed".to_owned()),
    ] {
        let e: CommandError = ObjectError::Remote {
            address: "s3://models".to_owned(),
            doing: "reading x".to_owned(),
            problem: problem.clone(),
        }
        .into();
        assert_eq!(e.kind, ErrorKind::Backend);
        assert!(e.message.starts_with("s3://models: "), "{e}");
        assert_eq!(e.hints, [problem.hint()]);
    }
}
