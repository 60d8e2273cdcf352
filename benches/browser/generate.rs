//! A file of network flows: 40 columns, row groups as other writers make them.

use std::fs::File;
use std::path::Path;

use polars::prelude::{Column, DataFrame, NamedFrom, ParquetCompression, ParquetWriter, Series};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Rows of a row group, as DuckDB writes them.
const GROUP: usize = 122_880;
const SERVICES: [&str; 12] = [
    "http", "dns", "smtp", "ssh", "ftp", "ftp_data", "private", "other", "telnet", "imap4",
    "domain_u", "eco_i",
];
const LABELS: [&str; 5] = [
    "normal",
    "dos.neptune",
    "probe.satan",
    "r2l.warezclient",
    "u2r.rootkit",
];

/// Writes the file.
pub fn write(path: &Path, rows: usize) -> crate::Result<()> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
    let first = group(&mut random, 0, GROUP.min(rows))?;
    let mut writer = ParquetWriter::new(File::create(path)?)
        .with_compression(ParquetCompression::Zstd(None))
        .with_row_group_size(Some(GROUP))
        .batched(first.schema())?;
    writer.write_batch(&first)?;
    let mut done = first.height();
    while done < rows {
        let some = group(&mut random, done, GROUP.min(rows - done))?;
        done += some.height();
        writer.write_batch(&some)?;
    }
    writer.finish()?;
    Ok(())
}

fn group(random: &mut Xoshiro256PlusPlus, first: usize, rows: usize) -> crate::Result<DataFrame> {
    let mut columns: Vec<Column> = Vec::with_capacity(40);
    let mut texts = |name: &str, of: &mut dyn FnMut() -> String| {
        let values: Vec<String> = (0..rows).map(|_| of()).collect();
        columns.push(Series::new(name.into(), values).into());
    };
    let mut r = random.clone();
    texts("label", &mut || {
        LABELS[(r.gen_range(0.0f64..1.0).powi(4) * 5.0) as usize].to_owned()
    });
    texts("service", &mut || {
        SERVICES[(r.gen_range(0.0f64..1.0).powi(2) * 12.0) as usize].to_owned()
    });
    texts("protocol", &mut || {
        ["tcp", "udp", "icmp"][r.gen_range(0..3)].to_owned()
    });
    texts("flag", &mut || {
        ["SF", "S0", "REJ", "RSTR"][r.gen_range(0..4)].to_owned()
    });
    texts("source", &mut || {
        format!(
            "10.{}.{}.{}",
            r.gen_range(0..4),
            r.gen_range(0..256),
            r.gen_range(0..256)
        )
    });
    let times: Vec<i64> = (0..rows)
        .map(|i| 1_700_000_000_000 + (first + i) as i64 * 37)
        .collect();
    columns.push(Series::new("at".into(), times).into());
    for i in 0..17 {
        // Mostly small, some large, as bytes and counts are.
        let values: Vec<Option<i64>> = (0..rows)
            .map(|_| {
                let v = (r.gen_range(0.0f64..1.0).powi(8) * 1e5) as i64;
                (i != 9 || v % 10 != 3).then_some(v)
            })
            .collect();
        columns.push(Series::new(format!("bytes_{i:02}").into(), values).into());
    }
    for i in 0..17 {
        let values: Vec<f64> = (0..rows)
            .map(|_| match i % 3 {
                0 => f64::from(r.gen_range(0..=100)) / 100.0,
                _ => r.gen_range(0.0f64..1e6),
            })
            .collect();
        columns.push(Series::new(format!("rate_{i:02}").into(), values).into());
    }
    *random = r;
    Ok(DataFrame::new(rows, columns)?)
}
