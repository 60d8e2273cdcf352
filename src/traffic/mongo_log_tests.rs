//! Documents of the log without a server: what they look like, and that they read back.

use chrono::{TimeZone, Utc};
use mongodb::bson::Document;

use super::super::segments::{AT, ID, LABEL, SCORE, VERSION};
use super::*;
use crate::traffic::{BatchId, ScoredBatch};

fn batch() -> ScoredBatch {
    let at = Utc.with_ymd_and_hms(2026, 11, 22, 12, 0, 1).unwrap();
    let names = ["bytes", "service", "a.b", "$c", "zero\0byte"];
    ScoredBatch {
        id: BatchId::new(at),
        at,
        version: "v3".into(),
        classes: Arc::from(["normal".to_owned(), "threat".to_owned()]),
        names: names.map(str::to_owned).to_vec().into(),
        features: vec![
            FeatureCells::Numbers(vec![1.5, f64::NAN]),
            FeatureCells::Texts(vec![None, Some("http".to_owned())]),
            FeatureCells::Numbers(vec![7.0, 8.0]),
            FeatureCells::Texts(vec![Some("x".to_owned()), None]),
            FeatureCells::Numbers(vec![0.0, 0.0]),
        ],
        // A row between them could not be read.
        rows: vec![(0, 1, 0.9), (2, 0, 0.2)],
    }
}

#[test]
fn a_prediction_is_a_document() {
    let batch = batch();
    let documents: Vec<Document> = Documents::of(&batch.clone().into())
        .map(|d| Document::try_from(d).unwrap())
        .collect();
    let at = DateTime::from_millis(batch.at.timestamp_millis());
    assert_eq!(
        documents,
        [
            doc! {"_id": batch.id.row(0).to_string(), "scored_at": at, "model_version": "v3",
            "predicted_label": "threat", "predicted_score": 0.9,
            "features": {"bytes": 1.5, "service": null, "a.b": 7.0, "$c": "x"}},
            doc! {"_id": batch.id.row(2).to_string(), "scored_at": at, "model_version": "v3",
            "predicted_label": "normal", "predicted_score": 0.2,
            "features": {"bytes": null, "service": "http", "a.b": 8.0, "$c": null}},
        ]
    );
}

#[test]
fn what_was_written_reads_back_as_a_frame() {
    let batch = batch();
    let mut frames = TrafficFrames::default();
    let mut documents: Vec<RawDocumentBuf> = Documents::of(&batch.clone().into()).collect();
    documents.reverse();
    let stranger = RawDocumentBuf::try_from(&doc! {"_id": "x", "note": 1}).unwrap();
    documents.push(stranger);
    for document in &documents {
        take(document, &mut frames);
    }
    let frames = frames.finish().unwrap();
    assert_eq!(frames.len(), 1);
    let names = [
        ID, AT, VERSION, LABEL, SCORE, "bytes", "service", "a.b", "$c",
    ];
    assert_eq!(frames[0].names(), names);
    let some = |texts: [&str; 2]| texts.map(|t| Some(t.to_owned()));
    let texts = |name| frames[0].texts(name).unwrap();
    let ids = [batch.id.row(0).to_string(), batch.id.row(2).to_string()];
    assert_eq!(texts(ID), some([&ids[0], &ids[1]]));
    assert_eq!(texts(AT), some(["2026-11-22T12:00:01.000Z"; 2]));
    assert_eq!(texts(LABEL), some(["threat", "normal"]));
    assert_eq!(texts("service"), [None, Some("http".to_owned())]);
    let bytes = frames[0].numbers("bytes").unwrap();
    assert!(bytes[0] == 1.5 && bytes[1].is_nan());
}

#[test]
fn ids_are_ordered_by_time() {
    let batch = batch();
    let id = batch.id.row(0).to_string();
    let at = batch.id.milliseconds();
    assert!(first_id(at) < id && id < first_id(at + 1));
    assert!(first_id(0) < id);
}

#[test]
fn a_server_that_is_away_is_worth_another_try() {
    // Bound and dropped: nothing listens there.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let uri = format!("mongodb://u:hunter2@{address}/?serverSelectionTimeoutMS=100");
    let namespace = Namespace::parse("netsec.predictions").unwrap();
    let log = MongoLog::at(Secret::new(uri), namespace);
    let error = log.write(&batch().into()).unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(log.find(&[batch().id.row(0)]).unwrap_err().is_transient());
    let told = format!("{error} {error:?} {log:?}");
    assert!(!told.contains("hunter2"), "{told}");
}
