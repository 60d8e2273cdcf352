use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::events::testing::{any_log, bytes_of};
use crate::events::{LogReader, ReadLine};

fn warning(text: &str) -> Event {
    Event::Warning {
        code: "test".into(),
        text: text.into(),
    }
}

fn metric(learner: &str, step: u32) -> Event {
    Event::MetricObserved {
        learner: learner.into(),
        metric: "log_loss".into(),
        split: Split::Train,
        step,
        value: Some(0.5),
        n: 1,
        reason: None,
    }
}

fn read(path: &Path) -> Vec<ReadLine> {
    LogReader::open(path).read_all().unwrap()
}

fn events(path: &Path) -> Vec<Envelope> {
    read(path)
        .into_iter()
        .map(|line| line.event().expect("an undamaged log").clone())
        .collect()
}

#[test]
fn lines_are_numbered_from_one_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    let recorder = LogRecorder::open(&path).unwrap();
    recorder.record_run(warning("a"));
    recorder.record(StageName::DataIngestion, warning("b"));
    recorder.finish().unwrap();
    let found = events(&path);
    assert_eq!(found.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(found[1].stage, Some(StageName::DataIngestion));
}

#[test]
fn a_resumed_log_is_continued_after_its_torn_tail_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    LogRecorder::open(&path).unwrap().record_run(warning("a"));
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    file.write_all(br#"{"v":1,"seq":2,"at":"20"#).unwrap();
    let recorder = LogRecorder::open(&path).unwrap();
    recorder.record_run(warning("b"));
    recorder.finish().unwrap();
    let seqs: Vec<u64> = events(&path).iter().map(|e| e.seq).collect();
    assert_eq!(seqs, [1, 2]);
}

#[test]
fn a_whole_bad_line_keeps_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    LogRecorder::open(&path).unwrap().record_run(warning("a"));
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    file.write_all(b"rubbish\n").unwrap();
    LogRecorder::open(&path).unwrap().record_run(warning("c"));
    let found = read(&path);
    assert_eq!(found.len(), 3);
    assert!(matches!(&found[1], ReadLine::Damaged(d) if d.seq == 2));
    assert_eq!(found[2].event().unwrap().seq, 3);
}

#[test]
fn thousands_of_metrics_are_joined_and_the_last_of_each_series_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    let recorder = LogRecorder::open(&path).unwrap();
    let begun = Instant::now();
    for step in 1..=5_000 {
        recorder.record(StageName::ModelTrainer, metric("xgboost", step));
        recorder.record(StageName::ModelTrainer, metric("random_forest", step));
    }
    recorder.record(StageName::ModelTrainer, warning("end of the fits"));
    let seconds = begun.elapsed().as_secs() as usize + 1;
    recorder.finish().unwrap();
    let found = events(&path);
    // Ten in any second, and one more of each series before the event that ends them.
    assert!(found.len() <= 10 * (seconds + 1) + 3, "{}", found.len());
    assert_eq!(found.last().unwrap().event, warning("end of the fits"));
    for learner in ["xgboost", "random_forest"] {
        assert!(found.iter().any(|e| e.event == metric(learner, 5_000)));
    }
}

#[test]
fn the_last_value_is_written_even_when_nothing_follows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    let recorder = LogRecorder::open(&path).unwrap();
    for step in 1..=100 {
        recorder.record(StageName::ModelTrainer, metric("xgboost", step));
    }
    // Waits for a condition: the other thread writes it when its second comes.
    let mut reader = LogReader::open(&path);
    let mut last = None;
    while last != Some(metric("xgboost", 100)) {
        std::thread::sleep(Duration::from_millis(5));
        for line in reader.read_all().unwrap() {
            last = line.event().map(|e| e.event.clone());
        }
    }
}

#[test]
fn many_threads_give_whole_lines_without_gaps() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    let recorder = LogRecorder::open(&path).unwrap();
    std::thread::scope(|scope| {
        for t in 0..4 {
            let recorder = &recorder;
            scope.spawn(move || {
                for i in 0..100 {
                    recorder.record(StageName::ModelTrainer, warning(&format!("{t} {i}")));
                }
            });
        }
    });
    recorder.finish().unwrap();
    let seqs: Vec<u64> = events(&path).iter().map(|e| e.seq).collect();
    assert_eq!(seqs, (1..=400).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_is_reported_and_the_log_stays_whole() {
    // /dev/full refuses every write, as a full disk does.
    let full = Path::new("/dev/full");
    if !full.exists() {
        eprintln!("skipped: needs /dev/full (a_full_disk_is_reported_and_the_log_stays_whole)");
        return;
    }
    let file = OpenOptions::new().append(true).open(full).unwrap();
    let mut log = Log {
        path: full.to_owned(),
        file,
        length: 0,
        next_seq: 5,
        waiting: VecDeque::new(),
        joined_at: VecDeque::new(),
        error: None,
        closing: false,
    };
    log.write(None, warning("lost"));
    log.write(None, warning("lost too"));
    assert_eq!(log.next_seq, 5);
    let Some(error @ RecordError::Write { seq: 5, .. }) = log.error else {
        panic!("{:?}", log.error)
    };
    let error = CommandError::from(error);
    assert_eq!(error.kind.exit_code(), 6);
    assert!(error.full_message().contains("No space left"), "{error}");
}

#[test]
fn a_folder_instead_of_a_file_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(
        LogRecorder::open(dir.path()),
        Err(RecordError::Open { .. })
    ));
}

/// The whole lines that stand before a byte.
fn whole_before(bytes: &[u8], at: usize) -> usize {
    bytes[..at].iter().filter(|&&b| b == b'\n').count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_log_cut_at_any_byte_keeps_every_whole_line(log in any_log(5)) {
        let bytes = bytes_of(&log);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        for at in 0..=bytes.len() {
            std::fs::write(&path, &bytes[..at]).unwrap();
            let whole = whole_before(&bytes, at);
            prop_assert_eq!(events(&path), &log[..whole]);
        }
    }

    #[test]
    fn a_log_flipped_at_any_byte_keeps_every_line_before(log in any_log(4), mask in 1u8..=255) {
        let bytes = bytes_of(&log);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= mask;
            std::fs::write(&path, &damaged).unwrap();
            let whole = whole_before(&bytes, at);
            let found = read(&path);
            let before: Vec<&Envelope> = found.iter().take(whole).filter_map(ReadLine::event).collect();
            prop_assert_eq!(before, log[..whole].iter().collect::<Vec<_>>());
            // And a writer can go on with it.
            if at % 37 == 0 {
                LogRecorder::open(&path).unwrap().record_run(warning("on"));
                let last = read(&path);
                prop_assert_eq!(&last.last().unwrap().event().unwrap().event, &warning("on"));
            }
        }
    }
}

#[test]
fn a_replaced_or_cut_file_is_said_and_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    let recorder = LogRecorder::open(&path).unwrap();
    recorder.record_run(warning("a"));
    recorder.record_run(warning("b"));
    let mut reader = LogReader::open(&path);
    assert_eq!(reader.read_all().unwrap().len(), 2);
    let bytes = std::fs::read(&path).unwrap();
    let first = bytes.iter().position(|&b| b == b'\n').unwrap() + 1;

    std::fs::write(&path, &bytes[..first]).unwrap();
    let again = reader.read_all().unwrap();
    assert_eq!(again[0], ReadLine::Restarted);
    assert_eq!(again.len(), 2);

    crate::files::write_atomic(&path, &bytes).unwrap();
    let again = reader.read_all().unwrap();
    assert_eq!(again[0], ReadLine::Restarted);
    assert_eq!(again.len(), 3);

    std::fs::remove_file(&path).unwrap();
    assert_eq!(reader.read_all().unwrap(), [ReadLine::Restarted]);
    assert_eq!(reader.read_all().unwrap(), []);
}

#[test]
fn a_reader_before_the_log_waits_and_counts_gaps() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    let mut reader = LogReader::open(&path);
    assert_eq!(reader.read_all().unwrap(), []);
    let log = [3, 4, 2].map(|seq| crate::events::testing::envelope(seq, None, warning("x")));
    std::fs::write(&path, bytes_of(&log)).unwrap();
    let found = reader.read_all().unwrap();
    let damaged: Vec<u64> = found
        .iter()
        .filter_map(|l| match l {
            ReadLine::Damaged(d) => Some(d.seq),
            _ => None,
        })
        .collect();
    assert_eq!(damaged, [1, 5]);
    assert_eq!(found.iter().filter_map(ReadLine::event).count(), 3);
}
