//! Values, profile, search and export: from the engine's figures to what is drawn.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::ask::{Asking, Bars, ExportPlan, Facet, Profile};
use super::cell::separated;
use crate::browse::{Cancel, ColumnProfile, Histogram, Selection, Table};
use crate::dataset::number_text;
use crate::error::CommandError;
use crate::text::count;

/// Labels in a pane.
const LABELS: usize = 6;
/// Most frequent values of a text column in a pane.
const VALUES: usize = 8;
/// Share of the rows that the most frequent text has at least, where texts are shown.
const SHOWN: f64 = 0.02;

/// Counts the values of a column; missing ones stand in their place among the others.
pub(super) fn facet(
    table: &Table,
    selection: &Selection,
    column: usize,
    cancel: &Cancel,
) -> Result<Facet, CommandError> {
    let begun = Instant::now();
    let found = table.facet(selection, column, cancel)?;
    let mut values: Vec<(Option<String>, u64)> = found
        .values
        .iter()
        .map(|v| (v.value.text().map(std::borrow::Cow::into_owned), v.rows))
        .collect();
    if found.missing > 0 {
        let at = values.partition_point(|(_, rows)| *rows >= found.missing);
        values.insert(at, (None, found.missing));
    }
    Ok(Facet {
        column,
        values,
        others: found.others,
        distinct: found.distinct,
        exact: found.exact,
        rows: found.rows,
        took: begun.elapsed(),
    })
}

/// Looks at a column among the rows of the view; beside it at all rows, where that is soon done.
pub(super) fn profile(
    table: &Table,
    selection: &Selection,
    column: usize,
    condition: String,
    cancel: &Cancel,
) -> Result<Profile, CommandError> {
    let begun = Instant::now();
    let here = table.profile(selection, column, cancel)?;
    let narrowed = !condition.is_empty();
    let small = table.rows().is_some_and(|n| n <= super::PROFILED_BY_ITSELF);
    let mut bars = Vec::new();
    if narrowed && small {
        let all = table.profile(&table.all(), column, cancel)?;
        bars.extend(distribution(&all, "all rows"));
    }
    let title = if narrowed { "this filter" } else { "all rows" };
    bars.extend(distribution(&here, title));
    bars.extend(labels(&here, narrowed));
    Ok(Profile {
        column,
        condition,
        rows: here.rows,
        figures: figures(&here),
        bars,
        took: begun.elapsed(),
    })
}

fn figures(profile: &ColumnProfile) -> Vec<(String, String, String)> {
    let f = &profile.figures;
    let share = |n: u64| match profile.rows {
        0 => String::new(),
        rows => format!("{:.2} %", n as f64 / rows as f64 * 100.0),
    };
    let mut found: Vec<(String, String, String)> = Vec::new();
    let mut add = |name: &str, value: String, remark: String| {
        found.push((name.to_owned(), value, remark));
    };
    add("rows", count(profile.rows), String::new());
    add("missing", count(f.missing), share(f.missing));
    if profile.kind.is_number() {
        add("zero", count(f.zeros), share(f.zeros));
        if f.infinite > 0 {
            add("infinite", count(f.infinite), share(f.infinite));
        }
    }
    let about = if f.distinct_exact { "" } else { ">= " };
    add(
        "distinct",
        format!("{about}{}", count(f.distinct)),
        String::new(),
    );
    let number = |v: f64| separated(&number_text(v));
    for (name, value) in [
        ("min", f.min),
        ("p50", f.quantiles.get("p50").copied()),
        ("p99", f.quantiles.get("p99").copied()),
        ("max", f.max),
        ("mean", f.mean),
    ] {
        if let Some(value) = value {
            add(name, rounded(value, number), String::new());
        }
    }
    found
}

/// A figure that was computed is written with as many digits as tell something; one that occurs
/// in the column stays as it is.
fn rounded(value: f64, exact: impl Fn(f64) -> String) -> String {
    let text = exact(value);
    if text.len() <= 16 {
        return text;
    }
    if value.abs() >= 1.0 && value.abs() < 1e12 {
        separated(
            format!("{value:.3}")
                .trim_end_matches('0')
                .trim_end_matches('.'),
        )
    } else {
        format!("{value:.4e}")
    }
}

/// The bars of numbers, or the most frequent texts.
fn distribution(profile: &ColumnProfile, title: &str) -> Option<Bars> {
    let of = profile.rows.max(1) as f64;
    match &profile.histogram {
        Some(histogram) => {
            let scale = if histogram.log { " (log scale)" } else { "" };
            let bars = &histogram.bars;
            Some(Bars {
                title: format!("{title}{scale}"),
                shares: bars
                    .iter()
                    .map(|bar| (edge(bar.low, histogram), bar.rows as f64 / of))
                    .collect(),
                written: false,
            })
        }
        // Values that are nearly all different have no most frequent ones.
        None if profile
            .figures
            .top
            .first()
            .is_none_or(|v| v.rows < 2 || (v.rows as f64) / of < SHOWN) =>
        {
            None
        }
        None => Some(Bars {
            title: title.to_owned(),
            shares: profile
                .figures
                .top
                .iter()
                .take(VALUES)
                .map(|v| (v.value.clone(), v.rows as f64 / of))
                .collect(),
            written: false,
        }),
    }
}

/// Where a bar begins.
fn edge(low: f64, histogram: &Histogram) -> String {
    if histogram.log && low > 0.0 {
        return format!("10^{:.0}", low.log10());
    }
    let text = number_text(low);
    match text.len() {
        0..=9 => separated(&text),
        _ => format!("{low:.3e}"),
    }
}

/// How the labels share the rows: of each label the part that is in the filter, or without a
/// filter the part of the rows that each label has.
fn labels(profile: &ColumnProfile, narrowed: bool) -> Option<Bars> {
    if profile.by_label.is_empty() {
        return None;
    }
    let mut shares: Vec<(String, f64)> = profile
        .by_label
        .iter()
        .map(|l| {
            let of = if narrowed { l.of } else { profile.rows };
            let name = l.label.text().unwrap_or_default().into_owned();
            (name, l.rows as f64 / of.max(1) as f64)
        })
        .collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    shares.truncate(LABELS);
    let title = if narrowed {
        "share of each label in it"
    } else {
        "labels"
    };
    Some(Bars {
        title: title.to_owned(),
        shares,
        written: true,
    })
}

/// Finds a text.
pub(super) fn find(
    table: &Table,
    selection: &Selection,
    from: (u64, bool),
    text: &str,
    columns: &[usize],
    cancel: &Cancel,
) -> Result<Option<u64>, CommandError> {
    Ok(table.find(selection, from, text, columns, cancel)?)
}

/// Writes rows to a file; returns its bytes.
pub(super) fn export(
    table: &Table,
    selection: &Selection,
    columns: &[usize],
    plan: &ExportPlan,
    asking: &Asking,
) -> Result<u64, CommandError> {
    let progress = |written: u64, of: u64| {
        let percent = written * 100 / of.max(1);
        asking.percent.store(percent as u32, Ordering::Relaxed);
    };
    table.export(
        selection,
        columns,
        (&plan.path, plan.format),
        &asking.cancel,
        &progress,
    )?;
    Ok(size_of(&plan.path))
}

fn size_of(path: &Path) -> u64 {
    path.metadata().map_or(0, |m| m.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Frame;

    fn table() -> Table {
        let n = 1000;
        let labels: Vec<Option<&str>> = (0..n)
            .map(|i| Some(if i % 4 == 0 { "dos" } else { "normal" }))
            .collect();
        let frame = Frame::from_columns(vec![
            Frame::number_column(
                "bytes",
                (0..n)
                    .map(|i| (i % 10 != 0).then(|| f64::from(i) * f64::from(i)))
                    .collect(),
            ),
            Frame::text_column("label", &labels),
        ])
        .unwrap();
        Table::of_frame("made up", frame).unwrap()
    }

    #[test]
    fn a_facet_counts_missing_values_among_the_others() {
        let table = table();
        let cancel = Cancel::new();
        let found = facet(&table, &table.all(), 0, &cancel).unwrap();
        assert_eq!(found.values[0], (None, 100), "the most frequent by far");
        let found = facet(&table, &table.all(), 1, &cancel).unwrap();
        assert_eq!(
            found.values,
            [(Some("normal".into()), 750), (Some("dos".into()), 250)]
        );
    }

    #[test]
    fn a_profile_tells_the_filter_from_all_rows() {
        let table = table();
        let cancel = Cancel::new();
        let filter = crate::dataset::Filter::parse("label = dos").unwrap();
        let view = crate::browse::View {
            filter: Some(filter),
            ..Default::default()
        };
        let selection = table.select(&view, &cancel).unwrap();
        let p = profile(&table, &selection, 0, "label = dos".into(), &cancel).unwrap();
        let titles: Vec<&str> = p.bars.iter().map(|b| b.title.as_str()).collect();
        assert_eq!(titles.len(), 3, "{titles:?}");
        assert!(titles[0].starts_with("all rows") && titles[1].starts_with("this filter"));
        assert_eq!(p.bars[2].shares[0], ("dos".to_owned(), 1.0));
        assert_eq!(p.rows, 250);
        let figure = |name: &str| {
            let found = p.figures.iter().find(|(n, ..)| n == name);
            found.map(|(_, v, _)| v.clone()).unwrap()
        };
        assert_eq!(figure("missing"), "50");
        // 996 squared; 996 = 4 * 249 and no multiple of ten.
        assert_eq!(figure("max"), "992,016");
        for bars in &p.bars[..2] {
            let sum: f64 = bars.shares.iter().map(|(_, s)| s).sum();
            assert!(sum <= 1.0 + 1e-9 && sum > 0.7, "{bars:?}");
        }
    }

    #[test]
    fn long_figures_are_rounded_and_short_ones_are_not() {
        let exact = |v: f64| separated(&number_text(v));
        assert_eq!(rounded(0.25, exact), "0.25");
        assert_eq!(rounded(1379963888.0, exact), "1,379,963,888");
        assert_eq!(rounded(12345.678901234567, exact), "12,345.679");
        assert_eq!(rounded(0.012345678901234567, exact), "1.2346e-2");
    }
}
