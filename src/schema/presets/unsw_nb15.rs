//! UNSW-NB15, the training / testing partitions: 42 features of a flow, `attack_cat`, `label`.

use std::collections::BTreeMap;

use super::{at_least_zero, ignored, label, ranged};
use crate::schema::{ClassMapping, ColumnKind, ColumnSpec, Schema, Target};

const INTEGERS: &str = "spkts dpkts sbytes dbytes sttl dttl sloss dloss swin stcpb dtcpb dwin \
    smean dmean trans_depth response_body_len ct_srv_src ct_state_ttl ct_dst_ltm \
    ct_src_dport_ltm ct_dst_sport_ltm ct_dst_src_ltm ct_ftp_cmd ct_flw_http_mthd ct_src_ltm \
    ct_srv_dst";
const ORDER: &str = "id dur proto service state spkts dpkts sbytes dbytes rate sttl dttl sload \
    dload sloss dloss sinpkt dinpkt sjit djit swin stcpb dtcpb dwin tcprtt synack ackdat smean \
    dmean trans_depth response_body_len ct_srv_src ct_state_ttl ct_dst_ltm ct_src_dport_ltm \
    ct_dst_sport_ltm ct_dst_src_ltm is_ftp_login ct_ftp_cmd ct_flw_http_mthd ct_src_ltm \
    ct_srv_dst is_sm_ips_ports attack_cat label";

/// Classes of the `attack_cat` target, harmless first.
const CLASSES: [&str; 10] = [
    "Normal",
    "Generic",
    "Exploits",
    "Fuzzers",
    "DoS",
    "Reconnaissance",
    "Analysis",
    "Backdoor",
    "Shellcode",
    "Worms",
];

/// Ten classes by attack category.
pub fn attack_cat() -> Target {
    let mut map: BTreeMap<String, String> = CLASSES
        .iter()
        .map(|class| (class.to_lowercase(), (*class).to_owned()))
        .collect();
    // The four raw files of the same collection write the plural.
    map.insert("backdoors".to_owned(), "Backdoor".to_owned());
    Target {
        name: "attack_cat".to_owned(),
        column: "attack_cat".to_owned(),
        mapping: ClassMapping::Classes {
            map,
            order: CLASSES.map(str::to_owned).to_vec(),
        },
    }
}

/// The preset.
pub fn schema() -> Schema {
    let integers: Vec<&str> = INTEGERS.split_whitespace().collect();
    let columns = ORDER
        .split_whitespace()
        .map(|name| match name {
            "id" => ColumnSpec {
                optional: true,
                ..ignored("id", ColumnKind::Integer)
            },
            "proto" | "service" | "state" => ColumnSpec::feature(name, ColumnKind::Category),
            "attack_cat" => ignored("attack_cat", ColumnKind::Category),
            "label" => ColumnSpec {
                min: Some(0.0),
                max: Some(1.0),
                ..label("label", ColumnKind::Integer)
            },
            "is_ftp_login" | "is_sm_ips_ports" => ranged(name, ColumnKind::Integer, 0.0, 1.0),
            _ if integers.contains(&name) => at_least_zero(name, ColumnKind::Integer),
            _ => at_least_zero(name, ColumnKind::Real),
        })
        .collect();
    Schema {
        name: "unsw-nb15".to_owned(),
        columns,
        target: Target {
            name: "label".to_owned(),
            column: "label".to_owned(),
            mapping: ClassMapping::Binary {
                negative: vec!["0".to_owned()],
                positive: vec!["1".to_owned()],
                names: ["normal".to_owned(), "attack".to_owned()],
            },
        },
        headerless: false,
        null_texts: Vec::new(),
        oddities: [
            "The files begin with a UTF-8 byte order mark, which would otherwise stick to `id`.",
            "The published file names of the two partitions were swapped for years: the file with \
             175,341 rows is the training set.",
            "`service` is `-` for most flows; that is a value (no known service), not a missing \
             one.",
            "`is_ftp_login` is documented as 0 or 1 but also holds 2 and 4.",
            "`attack_cat` gives the label away and is a feature in neither target.",
            "`id` is the row number, and the rows are sorted in blocks: it gives the label away.",
        ]
        .map(str::to_owned)
        .to_vec(),
    }
}
