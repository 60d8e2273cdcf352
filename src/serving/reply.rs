//! Predictions as they are answered: JSON, CSV with the rows that came in, an HTML table.
//!
//! Large replies are made piece by piece while they are sent, so that a reply costs no more memory
//! than its request.

use std::io::Write;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;

use super::csv_body::{Records, ScoredCsv};
use super::intake::Intake;
use super::refusal::ToldFinding;
use super::rows::Finding;
use super::scoring::{Outcome, Scored};
use super::served::ServedModel;

/// Rows a piece.
const PIECE: usize = 8_192;
/// Rows of an HTML table; a browser shows no million.
const HTML_ROWS: usize = 1_000;

/// A format of a reply to a CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsvReply {
    /// The rows with their predictions behind.
    Csv,
    /// A table for people.
    Html,
    /// Predictions alone.
    Json,
}

/// Chooses by the `Accept` header: the first format named that there is; `fallback` when none is.
pub fn choose(accept: Option<&str>, fallback: CsvReply) -> CsvReply {
    accept
        .unwrap_or_default()
        .split(',')
        .map(|part| part.split(';').next().unwrap_or_default().trim())
        .find_map(|media| match media {
            "text/csv" => Some(CsvReply::Csv),
            "text/html" => Some(CsvReply::Html),
            "application/json" => Some(CsvReply::Json),
            _ => None,
        })
        .unwrap_or(fallback)
}

/// The predictions of a request on their way out.
pub struct Predictions {
    /// The model that made them.
    pub model: Arc<ServedModel>,
    /// What came of the rows.
    pub scored: Scored,
    /// The request.
    pub request_id: Arc<str>,
}

impl Predictions {
    fn label(&self, outcome: &Outcome) -> &str {
        self.model
            .classes()
            .get(outcome.class as usize)
            .map_or("", String::as_str)
    }

    /// The findings of the rows from `first` on; there is one list, sorted by row.
    fn findings_from(&self, first: usize) -> &[Finding] {
        let at = self.scored.findings.partition_point(|f| f.row < first);
        &self.scored.findings[at..]
    }
}

/// `{"model_version": .., "predictions": [..]}` with the findings of each row that has any.
pub fn json(predictions: Predictions) -> Response {
    let rows = predictions.scored.outcomes.len();
    let head = json!({
        "model_name": predictions.model.name,
        "model_version": predictions.model.version,
        "model_sha256": predictions.model.sha256,
        "request_id": &*predictions.request_id,
        "rows": rows,
        "rejected": predictions.scored.rejected(),
    });
    let mut begin = head.to_string();
    begin.pop();
    begin.push_str(",\"predictions\":[");
    in_pieces(
        "application/json",
        rows,
        begin.into_bytes(),
        b"]}".to_vec(),
        move |rows, out| json_rows(&predictions, rows, out),
    )
}

fn json_rows(predictions: &Predictions, rows: std::ops::Range<usize>, out: &mut Vec<u8>) {
    let layout = predictions.model.layout();
    let mut findings = predictions.findings_from(rows.start).iter().peekable();
    let labels: Vec<String> = (predictions.model.classes().iter())
        .map(|class| serde_json::Value::from(class.as_str()).to_string())
        .collect();
    for row in rows {
        if row > 0 {
            out.push(b',');
        }
        let outcome = &predictions.scored.outcomes[row];
        // Writing into a Vec does not fail.
        out.extend_from_slice(b"{\"prediction_id\":\"");
        push_id(out, &predictions.request_id, row);
        out.push(b'"');
        if let (true, Some(label)) = (outcome.is_scored(), labels.get(outcome.class as usize)) {
            let _ = write!(out, ",\"predicted_label\":{label},\"predicted_score\":");
            let _ = serde_json::to_writer(&mut *out, &outcome.score);
        } else {
            out.extend_from_slice(b",\"predicted_label\":null,\"predicted_score\":null");
        }
        let mut told = Vec::new();
        while let Some(finding) = findings.next_if(|f| f.row == row) {
            told.push(ToldFinding::of(finding, layout));
        }
        if !told.is_empty() {
            out.extend_from_slice(b",\"errors\":");
            let _ = serde_json::to_writer(&mut *out, &told);
        }
        out.push(b'}');
    }
}

/// `{"predictions": [..]}` as MLflow's scoring server answers.
pub fn invocations(predictions: Predictions) -> Response {
    let rows = predictions.scored.outcomes.len();
    let mut end = b"],".to_vec();
    let tail = json!({
        "model_version": predictions.model.version,
        "model_sha256": predictions.model.sha256,
    });
    end.extend_from_slice(&tail.to_string().as_bytes()[1..]);
    in_pieces(
        "application/json",
        rows,
        b"{\"predictions\":[".to_vec(),
        end,
        move |rows, out| json_rows(&predictions, rows, out),
    )
}

/// The rows as they came in, with label, score and id behind, and what is wrong where a row could
/// not be read. The last column is there only when one could not.
pub fn csv(predictions: Predictions, table: ScoredCsv, intake: Intake) -> Response {
    let rows = table.records.len();
    let with_errors = !predictions.scored.findings.is_empty();
    let delimiter = table.delimiter;
    let mut begin = Vec::new();
    for name in &table.names {
        push_field(&mut begin, name, delimiter);
        begin.push(delimiter);
    }
    for (at, name) in [
        "predicted_label",
        "predicted_score",
        "prediction_id",
        "error",
    ]
    .iter()
    .take(if with_errors { 4 } else { 3 })
    .enumerate()
    {
        if at > 0 {
            begin.push(delimiter);
        }
        begin.extend_from_slice(name.as_bytes());
    }
    begin.push(b'\n');
    in_pieces(
        "text/csv; charset=utf-8",
        rows,
        begin,
        Vec::new(),
        move |rows, out| {
            let layout = predictions.model.layout();
            let mut findings = predictions.findings_from(rows.start).iter().peekable();
            let labels: Vec<Vec<u8>> = (predictions.model.classes().iter())
                .map(|class| {
                    let mut field = Vec::new();
                    push_field(&mut field, class, delimiter);
                    field
                })
                .collect();
            for row in rows {
                let record = &table.records[row];
                let outcome = &predictions.scored.outcomes[row];
                if outcome.is_scored() {
                    out.extend_from_slice(
                        &intake.bytes[record.start as usize..record.end as usize],
                    );
                } else {
                    push_fitted(out, &table, record, &intake.bytes);
                }
                out.push(delimiter);
                if outcome.is_scored() {
                    let label = labels.get(outcome.class as usize);
                    out.extend_from_slice(label.map_or(&[], Vec::as_slice));
                    out.push(delimiter);
                    let _ = serde_json::to_writer(&mut *out, &outcome.score);
                } else {
                    out.push(delimiter);
                }
                out.push(delimiter);
                push_id(out, &predictions.request_id, row);
                if with_errors {
                    out.push(delimiter);
                    let mut told = String::new();
                    while let Some(finding) = findings.next_if(|f| f.row == row) {
                        if !told.is_empty() {
                            told.push_str("; ");
                        }
                        told.push_str(&ToldFinding::of(finding, layout).message);
                    }
                    push_field(out, &told, delimiter);
                }
                out.push(b'\n');
            }
        },
    )
}

/// The name of a row's prediction.
fn push_id(out: &mut Vec<u8>, request_id: &str, row: usize) {
    out.extend_from_slice(request_id.as_bytes());
    out.push(b'-');
    // As JSON a number is written by its digits, and faster than by a format.
    let _ = serde_json::to_writer(out, &row);
}

/// A record with as many fields as its header, whatever it has: a row that could not be read must
/// not shift the columns of the reply.
fn push_fitted(out: &mut Vec<u8>, table: &ScoredCsv, record: &std::ops::Range<u32>, body: &[u8]) {
    let mut records = Records::new(
        &body[..record.end as usize],
        record.start as usize,
        table.delimiter,
    );
    let width = match records.advance() {
        Ok(Some(_)) => records.width(),
        _ => 0,
    };
    for field in 0..table.names.len() {
        if field > 0 {
            out.push(table.delimiter);
        }
        if field < width {
            let text = String::from_utf8_lossy(records.field(field));
            push_field(out, &text, table.delimiter);
        }
    }
}

/// A page with a table, the first rows of it.
pub fn html(predictions: &Predictions, table: &ScoredCsv, body: &[u8]) -> Response {
    let model = &predictions.model;
    let rows = table.records.len();
    let shown = rows.min(HTML_ROWS);
    let mut page = String::new();
    page.push_str(&super::docs_page::head("Predictions"));
    page.push_str(&format!(
        "<h1>Predictions</h1><p>Model {} ({}), {rows} rows, {} could not be read{}.</p>\n<div class=\"wide\"><table><thead><tr>",
        escape(&model.version),
        escape(&model.sha256.chars().take(12).collect::<String>()),
        predictions.scored.rejected(),
        if shown < rows {
            format!("; the first {shown} are shown, ask for text/csv to get all")
        } else {
            String::new()
        }
    ));
    for name in ["row", "predicted_label", "predicted_score"] {
        page.push_str(&format!("<th>{name}</th>"));
    }
    for name in &table.names {
        page.push_str(&format!("<th>{}</th>", escape(name)));
    }
    page.push_str("</tr></thead><tbody>\n");
    let layout = model.layout();
    let mut findings = predictions.scored.findings.iter().peekable();
    for row in 0..shown {
        let outcome = &predictions.scored.outcomes[row];
        page.push_str(&format!("<tr><td>{row}</td>"));
        let mut told = Vec::new();
        while let Some(finding) = findings.next_if(|f| f.row == row) {
            told.push(escape(&ToldFinding::of(finding, layout).message));
        }
        if outcome.is_scored() {
            page.push_str(&format!(
                "<td>{}</td><td>{:.6}</td>",
                escape(predictions.label(outcome)),
                outcome.score
            ));
        } else {
            page.push_str(&format!(
                "<td class=\"wrong\" colspan=\"2\">{}</td>",
                told.join("<br>")
            ));
        }
        let range = &table.records[row];
        let mut records = Records::new(
            &body[..range.end as usize],
            range.start as usize,
            table.delimiter,
        );
        if let Ok(Some(_)) = records.advance() {
            for field in 0..records.width() {
                let text = String::from_utf8_lossy(records.field(field));
                page.push_str(&format!("<td>{}</td>", escape(&text)));
            }
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div></body></html>\n");
    super::docs_page::page(page)
}

/// A text inside of HTML.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Appends a field, quoted when it has to be (RFC 4180).
fn push_field(out: &mut Vec<u8>, field: &str, delimiter: u8) {
    let special = |b: u8| b == delimiter || matches!(b, b'"' | b'\n' | b'\r');
    if field.bytes().any(special) {
        out.push(b'"');
        out.extend_from_slice(field.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(field.as_bytes());
    }
}

/// A reply of rows: at once when it is small, else piece by piece.
fn in_pieces(
    media: &'static str,
    rows: usize,
    begin: Vec<u8>,
    end: Vec<u8>,
    write: impl Fn(std::ops::Range<usize>, &mut Vec<u8>) + Send + 'static,
) -> Response {
    let body = if rows <= PIECE {
        let mut whole = begin;
        write(0..rows, &mut whole);
        whole.extend_from_slice(&end);
        Body::from(whole)
    } else {
        let pieces = rows.div_ceil(PIECE);
        let mut begin = Some(begin);
        // A piece is about as long as the one before.
        let mut length = 0;
        let iter = (0..=pieces).map(move |piece| {
            let mut out = begin.take().unwrap_or_default();
            if piece < pieces {
                out.reserve(length);
                write(piece * PIECE..((piece + 1) * PIECE).min(rows), &mut out);
                length = out.len() + out.len() / 64;
            } else {
                out.extend_from_slice(&end);
            }
            Ok::<Bytes, std::convert::Infallible>(out.into())
        });
        Body::from_stream(stream::iter(
            iter.filter(|piece| piece.as_ref().is_ok_and(|bytes| !bytes.is_empty())),
        ))
    };
    let mut response = body.into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serving::csv_body;
    use crate::serving::testing::{flow_model, work};
    use http_body_util::BodyExt;

    async fn text(response: Response) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    fn scored(body: &str) -> (Predictions, ScoredCsv, Intake) {
        let model = Arc::new(flow_model());
        let table = csv_body::score(&model, body.as_bytes(), &work()).unwrap();
        let predictions = Predictions {
            model,
            scored: table.scored.clone(),
            request_id: "r".into(),
        };
        (predictions, table, Intake::of(body.to_owned()))
    }

    #[tokio::test]
    async fn rows_of_another_width_shift_nothing() {
        let body = "duration,bytes,service\n1,2\n1,2,http,4,5\n1,2,\"a\nb\"\n";
        let (predictions, table, intake) = scored(body);
        let csv = text(csv(predictions, table, intake)).await;
        assert_eq!(
            csv,
            "duration,bytes,service,predicted_label,predicted_score,prediction_id,error\n\
             1,2,,,,r-0,\"rows[0]: 2 fields, expected 3\"\n\
             1,2,http,,,r-1,\"rows[1]: 5 fields, expected 3\"\n\
             1,2,\"a\nb\",benign,0.0,r-2,\n"
        );
    }

    const BODY: &str = "duration,bytes,service\n0.9,900,http\nabc,1,\"<b>\"\n0.1,10,dns\n";

    #[tokio::test]
    async fn rows_come_back_with_their_predictions() {
        let (predictions, table, intake) = scored(BODY);
        let csv = text(csv(predictions, table, intake)).await;
        assert_eq!(
            csv,
            "duration,bytes,service,predicted_label,predicted_score,prediction_id,error\n\
             0.9,900,http,attack,1.0,r-0,\n\
             abc,1,<b>,,,r-1,\"rows[1].duration: \"\"abc\"\" is not a number\"\n\
             0.1,10,dns,benign,0.0,r-2,\n"
        );
    }

    #[tokio::test]
    async fn json_tells_errors_by_row() {
        let (predictions, _, _) = scored(BODY);
        let value: serde_json::Value =
            serde_json::from_str(&text(json(predictions)).await).unwrap();
        assert_eq!(value["rejected"], 1);
        assert_eq!(value["predictions"][0]["predicted_label"], "attack");
        assert_eq!(
            value["predictions"][1]["errors"][0]["field"],
            "rows[1].duration"
        );
        assert_eq!(value["predictions"][2]["prediction_id"], "r-2");
        assert_eq!(value["model_version"], "v1");
    }

    #[tokio::test]
    async fn tables_are_escaped() {
        let (predictions, table, intake) = scored(BODY);
        let html = text(html(&predictions, &table, &intake.bytes)).await;
        assert!(html.contains("&lt;b&gt;") && !html.contains("<b>"));
        assert!(html.contains("&quot;abc&quot; is not a number"));
    }

    #[tokio::test]
    async fn large_replies_come_in_pieces_and_are_whole() {
        let mut body = String::from("duration,bytes,service\n");
        for i in 0..20_000 {
            body.push_str(&format!("0.{i},{i},dns\n"));
        }
        let (predictions, table, intake) = scored(&body);
        let csv = text(csv(predictions, table, intake)).await;
        assert_eq!(csv.lines().count(), 20_001);
        assert!(csv.lines().nth(20_000).unwrap().contains(",r-19999"));
        let (predictions, _, _) = scored(&body);
        let value: serde_json::Value =
            serde_json::from_str(&text(invocations(predictions)).await).unwrap();
        assert_eq!(value["predictions"].as_array().unwrap().len(), 20_000);
        assert_eq!(value["model_version"], "v1");
    }

    #[test]
    fn the_first_format_named_is_taken() {
        for (accept, chosen) in [
            (None, CsvReply::Csv),
            (Some("*/*"), CsvReply::Csv),
            (
                Some("text/html,application/xhtml+xml,*/*;q=0.8"),
                CsvReply::Html,
            ),
            (Some("application/json"), CsvReply::Json),
            (Some("image/png, text/csv;q=0.1"), CsvReply::Csv),
        ] {
            assert_eq!(choose(accept, CsvReply::Csv), chosen);
        }
    }
}
