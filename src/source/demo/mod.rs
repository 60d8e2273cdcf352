//! The demo's data: seeded network flows in two batches, the later one drifted.
//!
//! Nothing in here is measured on a real network. The flows are made so that a retrain on them
//! meets what real ones do: mixed columns with heavy tails, rare classes, overlap and wrong
//! labels, exact duplicates, missing values, unreadable rows, and a later batch in which columns
//! shifted, a service appeared and an attack changed its manner.

mod flow;
mod schema;

pub use schema::{schema, threat};

use std::path::{Path, PathBuf};

use chrono::{NaiveDate, NaiveDateTime, TimeDelta, Timelike};
use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use self::flow::{Batch, Flow};
use super::SourceError;

/// The two files written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoBatches {
    /// The batch the first model is trained on.
    pub older: PathBuf,
    /// The later, drifted batch.
    pub newer: PathBuf,
    /// Rows of each, unreadable ones included.
    pub rows: (u64, u64),
}

/// Fewest rows of a batch: below, the rare classes have no rows to learn from.
const FEWEST: u64 = 500;
/// Share of rows that repeat an earlier row exactly.
const DUPLICATES: f64 = 0.02;
/// Share of values missing in the columns that can miss them.
const MISSING: f64 = 0.02;

/// Writes `flows_older.csv` and `flows_newer.csv` into `dir`, `rows` rows together. The same seed
/// and number of rows give the same bytes.
pub fn write_batches(dir: &Path, rows: u64, seed: u64) -> Result<DemoBatches, SourceError> {
    let older_rows = (rows / 2).max(FEWEST);
    let newer_rows = rows.saturating_sub(older_rows).max(FEWEST);
    let older = dir.join("flows_older.csv");
    let newer = dir.join("flows_newer.csv");
    for (path, batch, rows) in [
        (&older, Batch::Older, older_rows),
        (&newer, Batch::Newer, newer_rows),
    ] {
        let text = batch_text(batch, rows, seed);
        crate::files::write_atomic(path, text.as_bytes()).map_err(|source| SourceError::Write {
            path: path.clone(),
            source,
        })?;
    }
    Ok(DemoBatches {
        older,
        newer,
        rows: (older_rows, newer_rows),
    })
}

/// Monday on which a batch begins; each covers a week.
fn monday(batch: Batch) -> NaiveDateTime {
    let (month, day) = match batch {
        Batch::Older => (3, 4),
        Batch::Newer => (6, 10),
    };
    NaiveDate::from_ymd_opt(2024, month, day)
        .unwrap_or_default()
        .and_hms_opt(0, 0, 0)
        .unwrap_or_default()
}

/// A batch as CSV, header included.
fn batch_text(batch: Batch, rows: u64, seed: u64) -> String {
    let stream = match batch {
        Batch::Older => 0,
        Batch::Newer => 0x9e37_79b9_7f4a_7c15,
    };
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ stream);
    let rng = &mut rng;
    let unreadable = (rows / 2500).max(3);
    let duplicates = (rows as f64 * DUPLICATES).round() as u64;
    let fresh = rows - unreadable - duplicates;
    let mut times: Vec<i64> = (0..fresh).map(|_| moment(rng)).collect();
    times.sort_unstable();
    let mut lines: Vec<String> = times
        .into_iter()
        .map(|second| {
            let at = monday(batch) + TimeDelta::seconds(second);
            let (flow, class) = flow::draw(rng, batch, at.hour());
            line(rng, at, &flow, class)
        })
        .collect();
    // A flow that two sensors exported stands twice, the second time a little later.
    for _ in 0..duplicates {
        let at = rng.gen_range(0..lines.len());
        let after = rng.gen_range(at + 1..=(at + 40).min(lines.len()));
        let copy = lines[at].clone();
        lines.insert(after, copy);
    }
    for kind in 0..unreadable {
        let at = rng.gen_range(0..lines.len());
        let broken = break_line(rng, &lines[at].clone(), kind);
        lines.insert(at, broken);
    }
    let mut text = schema::NAMES.join(",");
    text.push('\n');
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// A second of the week: work hours are busy, nights and the weekend are not.
fn moment(rng: &mut Xoshiro256PlusPlus) -> i64 {
    loop {
        let second = rng.gen_range(0..7 * 86_400i64);
        let (day, hour) = (second / 86_400, second / 3600 % 24);
        let weight = if (8..18).contains(&hour) { 1.0 } else { 0.4 };
        let weight = if day >= 5 { weight * 0.5 } else { weight };
        if rng.gen_bool(weight) {
            return second;
        }
    }
}

fn line(rng: &mut Xoshiro256PlusPlus, at: NaiveDateTime, flow: &Flow, class: &str) -> String {
    let mut field = |value: String, can_miss: bool| {
        if can_miss && rng.gen_bool(MISSING) {
            String::new()
        } else {
            value
        }
    };
    let packets = flow.src_packets + flow.dst_packets;
    let mean = (flow.src_bytes + flow.dst_bytes) as f64 / packets.max(1) as f64;
    [
        at.format("%Y-%m-%dT%H:%M:%S").to_string(),
        field(format!("{:.3}", flow.duration), true),
        flow.protocol.to_owned(),
        field(flow.service.to_owned(), true),
        flow.tcp_flag.to_owned(),
        flow.port_class.to_owned(),
        flow.src_bytes.to_string(),
        field(flow.dst_bytes.to_string(), true),
        flow.src_packets.to_string(),
        flow.dst_packets.to_string(),
        field(format!("{mean:.1}"), true),
        field(flow.ttl.to_string(), true),
        at.hour().to_string(),
        field(flow.connections.to_string(), true),
        format!("{:.2}", flow.same_service_rate),
        field(format!("{:.2}", flow.syn_error_rate), true),
        format!("{:.2}", flow.reject_rate),
        flow.distinct_ports.to_string(),
        flow.failed_logins.to_string(),
        u8::from(flow.logged_in).to_string(),
        flow.root_commands.to_string(),
        field(flow.files_created.to_string(), true),
        class.to_owned(),
    ]
    .join(",")
}

/// What goes wrong in exports: a line cut off, two lines run together, a figure that is none.
fn break_line(rng: &mut Xoshiro256PlusPlus, line: &str, kind: u64) -> String {
    match kind % 3 {
        0 => line[..rng.gen_range(line.len() / 3..line.len() / 2)].to_owned(),
        1 => format!("{line}{line}"),
        _ => {
            let mut fields: Vec<&str> = line.split(',').collect();
            fields[schema::SRC_BYTES] = "-nan(ind)";
            fields.join(",")
        }
    }
}

#[cfg(test)]
mod tests;
