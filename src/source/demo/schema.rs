//! The columns of the demo's flows.

use crate::schema::{ClassMapping, ColumnKind, ColumnSpec, Role, Schema, Target};

/// Header of the files, in file order.
pub(super) const NAMES: [&str; 23] = [
    "seen_at",
    "duration",
    "protocol",
    "service",
    "tcp_flag",
    "port_class",
    "src_bytes",
    "dst_bytes",
    "src_packets",
    "dst_packets",
    "mean_packet_bytes",
    "ttl",
    "hour",
    "connections_2s",
    "same_service_rate",
    "syn_error_rate",
    "reject_rate",
    "distinct_ports",
    "failed_logins",
    "logged_in",
    "root_commands",
    "files_created",
    "attack",
];

/// Position of `src_bytes`.
pub(super) const SRC_BYTES: usize = 6;

/// The classes, harmless first.
pub(super) const CLASSES: [&str; 5] = ["normal", "dos", "probe", "r2l", "u2r"];

/// The schema of the demo's files: label `attack` with five classes. [`threat`] is the other
/// target, normal against everything else.
pub fn schema() -> Schema {
    let columns = NAMES.iter().map(|name| column(name)).collect();
    let map = CLASSES
        .iter()
        .map(|class| ((*class).to_owned(), (*class).to_owned()))
        .collect();
    Schema {
        name: "demo".to_owned(),
        columns,
        target: Target {
            name: "attack".to_owned(),
            column: "attack".to_owned(),
            mapping: ClassMapping::Classes {
                map,
                order: CLASSES.map(str::to_owned).to_vec(),
            },
        },
        headerless: false,
        null_texts: Vec::new(),
        oddities: [
            "The flows are made up by a seeded generator; no network was watched.",
            "`r2l` and `u2r` are rare: about 2 % and 0.5 % of the rows.",
            "About 2 % of the rows are exact duplicates and a few cannot be read.",
            "The newer batch holds the service `quic`, which the older one does not know.",
        ]
        .map(str::to_owned)
        .to_vec(),
    }
}

/// The binary target: every class but `normal` is a threat.
pub fn threat() -> Target {
    Target {
        name: "threat".to_owned(),
        column: "attack".to_owned(),
        mapping: ClassMapping::Binary {
            negative: vec!["normal".to_owned()],
            positive: Vec::new(),
            names: ["normal".to_owned(), "threat".to_owned()],
        },
    }
}

fn column(name: &str) -> ColumnSpec {
    use ColumnKind::{Category, Integer, Real, Text};
    let among = |values: &[&str]| {
        let mut values: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
        values.sort();
        ColumnSpec {
            values: Some(values),
            ..ColumnSpec::feature(name, Category)
        }
    };
    let between = |kind, min: f64, max: Option<f64>| ColumnSpec {
        min: Some(min),
        max,
        ..ColumnSpec::feature(name, kind)
    };
    match name {
        "seen_at" => ColumnSpec {
            role: Role::Ignored,
            ..ColumnSpec::feature(name, Text)
        },
        "attack" => ColumnSpec {
            role: Role::Label,
            ..among(&CLASSES)
        },
        "protocol" => among(&["icmp", "tcp", "udp"]),
        // Open on purpose: services come and go, and the newer batch has a new one.
        "service" => ColumnSpec::feature(name, Category),
        "tcp_flag" => among(&["none", "REJ", "RSTO", "S0", "SF"]),
        "port_class" => among(&["dynamic", "registered", "system"]),
        "duration" | "mean_packet_bytes" => between(Real, 0.0, None),
        "ttl" => between(Integer, 1.0, Some(255.0)),
        "hour" => between(Integer, 0.0, Some(23.0)),
        "logged_in" => between(Integer, 0.0, Some(1.0)),
        "same_service_rate" | "syn_error_rate" | "reject_rate" => between(Real, 0.0, Some(1.0)),
        _ => between(Integer, 0.0, None),
    }
}
