//! CICIDS2017, in the spelling of the improved labels (CNS 2022) and, as aliases, of the original.

use super::{all_but, at_least_zero, ignored, label};
use crate::schema::{ColumnKind, ColumnSpec, Role, Schema};

/// The improved files' header, in order.
const HEADER: &str = "id,Flow ID,Src IP,Src Port,Dst IP,Dst Port,Protocol,Timestamp,Flow Duration,\
Total Fwd Packet,Total Bwd packets,Total Length of Fwd Packet,Total Length of Bwd Packet,\
Fwd Packet Length Max,Fwd Packet Length Min,Fwd Packet Length Mean,Fwd Packet Length Std,\
Bwd Packet Length Max,Bwd Packet Length Min,Bwd Packet Length Mean,Bwd Packet Length Std,\
Flow Bytes/s,Flow Packets/s,Flow IAT Mean,Flow IAT Std,Flow IAT Max,Flow IAT Min,Fwd IAT Total,\
Fwd IAT Mean,Fwd IAT Std,Fwd IAT Max,Fwd IAT Min,Bwd IAT Total,Bwd IAT Mean,Bwd IAT Std,\
Bwd IAT Max,Bwd IAT Min,Fwd PSH Flags,Bwd PSH Flags,Fwd URG Flags,Bwd URG Flags,Fwd RST Flags,\
Bwd RST Flags,Fwd Header Length,Bwd Header Length,Fwd Packets/s,Bwd Packets/s,Packet Length Min,\
Packet Length Max,Packet Length Mean,Packet Length Std,Packet Length Variance,FIN Flag Count,\
SYN Flag Count,RST Flag Count,PSH Flag Count,ACK Flag Count,URG Flag Count,CWR Flag Count,\
ECE Flag Count,Down/Up Ratio,Average Packet Size,Fwd Segment Size Avg,Bwd Segment Size Avg,\
Fwd Bytes/Bulk Avg,Fwd Packet/Bulk Avg,Fwd Bulk Rate Avg,Bwd Bytes/Bulk Avg,Bwd Packet/Bulk Avg,\
Bwd Bulk Rate Avg,Subflow Fwd Packets,Subflow Fwd Bytes,Subflow Bwd Packets,Subflow Bwd Bytes,\
FWD Init Win Bytes,Bwd Init Win Bytes,Fwd Act Data Pkts,Fwd Seg Size Min,Active Mean,Active Std,\
Active Max,Active Min,Idle Mean,Idle Std,Idle Max,Idle Min,ICMP Code,ICMP Type,\
Total TCP Flow Time,Label,Attempted Category";

/// Other spellings: (improved, original).
const SPELLINGS: [(&str, &[&str]); 28] = [
    ("Src IP", &["Source IP"]),
    ("Src Port", &["Source Port"]),
    ("Dst IP", &["Destination IP"]),
    ("Dst Port", &["Destination Port"]),
    ("Total Fwd Packet", &["Total Fwd Packets"]),
    ("Total Bwd packets", &["Total Backward Packets"]),
    (
        "Total Length of Fwd Packet",
        &["Total Length of Fwd Packets"],
    ),
    (
        "Total Length of Bwd Packet",
        &["Total Length of Bwd Packets"],
    ),
    ("Packet Length Min", &["Min Packet Length"]),
    ("Packet Length Max", &["Max Packet Length"]),
    ("CWR Flag Count", &["CWE Flag Count"]),
    ("Fwd Segment Size Avg", &["Avg Fwd Segment Size"]),
    ("Bwd Segment Size Avg", &["Avg Bwd Segment Size"]),
    ("Fwd Bytes/Bulk Avg", &["Fwd Avg Bytes/Bulk"]),
    ("Fwd Packet/Bulk Avg", &["Fwd Avg Packets/Bulk"]),
    ("Fwd Bulk Rate Avg", &["Fwd Avg Bulk Rate"]),
    ("Bwd Bytes/Bulk Avg", &["Bwd Avg Bytes/Bulk"]),
    ("Bwd Packet/Bulk Avg", &["Bwd Avg Packets/Bulk"]),
    ("Bwd Bulk Rate Avg", &["Bwd Avg Bulk Rate"]),
    (
        "FWD Init Win Bytes",
        &["Init_Win_bytes_forward", "Init Fwd Win Bytes"],
    ),
    (
        "Bwd Init Win Bytes",
        &["Init_Win_bytes_backward", "Init Bwd Win Bytes"],
    ),
    ("Fwd Act Data Pkts", &["act_data_pkt_fwd"]),
    ("Fwd Seg Size Min", &["min_seg_size_forward"]),
    ("Flow Bytes/s", &["Flow Byts/s"]),
    ("Flow Packets/s", &["Flow Pkts/s"]),
    ("Down/Up Ratio", &["Down Up Ratio"]),
    ("Timestamp", &["Time stamp"]),
    ("Label", &["Class"]),
];

/// Columns that only one of the two spellings has.
const OPTIONAL: [&str; 14] = [
    "id",
    "Flow ID",
    "Src IP",
    "Src Port",
    "Dst IP",
    "Protocol",
    "Timestamp",
    "Fwd RST Flags",
    "Bwd RST Flags",
    "ICMP Code",
    "ICMP Type",
    "Total TCP Flow Time",
    "Attempted Category",
    "Fwd Header Length.1",
];

fn kind(name: &str) -> ColumnKind {
    match name {
        "Flow ID" | "Src IP" | "Dst IP" | "Timestamp" => ColumnKind::Text,
        _ if ["Mean", "Std", "/s", "Avg", "Variance", "Ratio", "Average"]
            .iter()
            .any(|part| name.contains(part)) =>
        {
            ColumnKind::Real
        }
        _ => ColumnKind::Integer,
    }
}

fn column(name: &str) -> ColumnSpec {
    let mut column = match name {
        "id" | "Flow ID" | "Src IP" | "Dst IP" | "Src Port" | "Timestamp"
        | "Attempted Category" => ignored(name, kind(name)),
        "Label" => label(name, ColumnKind::Category),
        // -1 stands for "no window seen" and "not ICMP"; rates can be negative when a clock ran back.
        "FWD Init Win Bytes" | "Bwd Init Win Bytes" | "ICMP Code" | "ICMP Type" => ColumnSpec {
            min: Some(-1.0),
            ..ColumnSpec::feature(name, kind(name))
        },
        _ => at_least_zero(name, kind(name)),
    };
    if let Some((_, others)) = SPELLINGS.iter().find(|(known, _)| *known == name) {
        column.aliases = others.iter().map(|&o| o.to_owned()).collect();
    }
    column.optional = OPTIONAL.contains(&name);
    column
}

/// The preset.
pub fn schema() -> Schema {
    let mut columns: Vec<ColumnSpec> = HEADER.split(',').map(column).collect();
    // The original files have this column twice with the same values; once is enough.
    columns.push(ColumnSpec {
        aliases: vec![
            "Fwd Header Length_2".to_owned(),
            "Fwd Header Length_1".to_owned(),
            "Fwd Header Length (2)".to_owned(),
        ],
        role: Role::Ignored,
        ..column("Fwd Header Length.1")
    });
    Schema {
        name: "cicids2017".to_owned(),
        columns,
        target: all_but("Label", "Label", &["BENIGN"], ["BENIGN", "attack"]),
        headerless: false,
        null_texts: ["NaN", "nan"].map(str::to_owned).to_vec(),
        oddities: [
            "Most headers of the original files begin with a blank.",
            "The original files have the column `Fwd Header Length` twice.",
            "The rate columns `Flow Bytes/s` and `Flow Packets/s` hold Infinity and NaN where the \
             duration is 0.",
            "Labels of web attacks hold a dash in code page 1252, which is not valid UTF-8.",
            "Flow ids, addresses, source ports and timestamps give away which attack was played \
             when, and are no features.",
            "The improved files mark attacks without effect as `.. - Attempted`; they count as \
             threats here, as every label but BENIGN does.",
        ]
        .map(str::to_owned)
        .to_vec(),
    }
}
