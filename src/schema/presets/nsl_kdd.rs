//! NSL-KDD (and KDD Cup 1999, which lacks the difficulty): 41 features of a connection.

use std::collections::BTreeMap;

use super::{all_but, among, at_least_zero, ignored, label, ranged};
use crate::schema::{ClassMapping, ColumnKind, ColumnSpec, Schema, Target};

const PROTOCOLS: [&str; 3] = ["icmp", "tcp", "udp"];
const FLAGS: [&str; 11] = [
    "OTH", "REJ", "RSTO", "RSTOS0", "RSTR", "S0", "S1", "S2", "S3", "SF", "SH",
];
const SERVICES: &str = "IRC X11 Z39_50 aol auth bgp courier csnet_ns ctf daytime discard domain \
    domain_u echo eco_i ecr_i efs exec finger ftp ftp_data gopher harvest hostnames http \
    http_2784 http_443 http_8001 imap4 iso_tsap klogin kshell ldap link login mtp name \
    netbios_dgm netbios_ns netbios_ssn netstat nnsp nntp ntp_u other pm_dump pop_2 pop_3 printer \
    private red_i remote_job rje shell smtp sql_net ssh sunrpc supdup systat telnet tftp_u tim_i \
    time urh_i urp_i uucp uucp_path vmnet whois";

/// Classes of the `attack_class` target, harmless first.
const CLASSES: [&str; 5] = ["normal", "dos", "probe", "r2l", "u2r"];
const DOS: &str = "back land neptune pod smurf teardrop apache2 udpstorm processtable mailbomb";
const PROBE: &str = "satan ipsweep nmap portsweep mscan saint";
const R2L: &str = "guess_passwd ftp_write imap phf multihop warezmaster warezclient spy xlock \
    xsnoop snmpguess snmpgetattack sendmail named worm";
const U2R: &str = "buffer_overflow loadmodule rootkit perl sqlattack xterm ps httptunnel";

/// Five classes; a label that stands in none of the lists is an error naming it.
pub fn attack_class() -> Target {
    let mut map = BTreeMap::from([("normal".to_owned(), "normal".to_owned())]);
    for (class, labels) in [("dos", DOS), ("probe", PROBE), ("r2l", R2L), ("u2r", U2R)] {
        for value in labels.split_whitespace() {
            map.insert(value.to_owned(), class.to_owned());
        }
    }
    Target {
        name: "attack_class".to_owned(),
        column: "label".to_owned(),
        mapping: ClassMapping::Classes {
            map,
            order: CLASSES.map(str::to_owned).to_vec(),
        },
    }
}

/// The preset.
pub fn schema() -> Schema {
    use ColumnKind::{Integer, Real};
    let count = |name: &str| at_least_zero(name, Integer);
    let flag = |name: &str| ranged(name, Integer, 0.0, 1.0);
    let rate = |name: &str| ranged(name, Real, 0.0, 1.0);
    let services: Vec<&str> = SERVICES.split_whitespace().collect();
    let columns = vec![
        count("duration"),
        among("protocol_type", &PROTOCOLS),
        among("service", &services),
        among("flag", &FLAGS),
        count("src_bytes"),
        count("dst_bytes"),
        flag("land"),
        count("wrong_fragment"),
        count("urgent"),
        count("hot"),
        count("num_failed_logins"),
        flag("logged_in"),
        count("num_compromised"),
        flag("root_shell"),
        flag("su_attempted"),
        count("num_root"),
        count("num_file_creations"),
        count("num_shells"),
        count("num_access_files"),
        count("num_outbound_cmds"),
        flag("is_host_login"),
        flag("is_guest_login"),
        ranged("count", Integer, 0.0, 511.0),
        ranged("srv_count", Integer, 0.0, 511.0),
        rate("serror_rate"),
        rate("srv_serror_rate"),
        rate("rerror_rate"),
        rate("srv_rerror_rate"),
        rate("same_srv_rate"),
        rate("diff_srv_rate"),
        rate("srv_diff_host_rate"),
        ranged("dst_host_count", Integer, 0.0, 255.0),
        ranged("dst_host_srv_count", Integer, 0.0, 255.0),
        rate("dst_host_same_srv_rate"),
        rate("dst_host_diff_srv_rate"),
        rate("dst_host_same_src_port_rate"),
        rate("dst_host_srv_diff_host_rate"),
        rate("dst_host_serror_rate"),
        rate("dst_host_srv_serror_rate"),
        rate("dst_host_rerror_rate"),
        rate("dst_host_srv_rerror_rate"),
        ColumnSpec {
            aliases: ["class", "attack", "attack_type", "labels", "outcome"]
                .map(str::to_owned)
                .to_vec(),
            ..label("label", ColumnKind::Category)
        },
        ColumnSpec {
            aliases: ["level", "difficulty_level"].map(str::to_owned).to_vec(),
            optional: true,
            min: Some(0.0),
            max: Some(21.0),
            ..ignored("difficulty", Integer)
        },
    ];
    Schema {
        name: "nsl-kdd".to_owned(),
        columns,
        target: all_but("label", "label", &["normal"], ["normal", "attack"]),
        headerless: true,
        null_texts: Vec::new(),
        oddities: [
            "The files have no header line; columns are known by their position.",
            "`num_outbound_cmds` is 0 in every row.",
            "`su_attempted` is documented as 0 or 1 but also holds 2.",
            "17 of the 38 labels of KDDTest+ (3,750 rows) never occur in KDDTrain+, so accuracies \
             of 75 to 80 % are normal on the official test file.",
            "KDD Cup 1999 labels end with a dot (`normal.`) and its files have no difficulty; \
             both are read.",
            "`difficulty` counts how many of 21 models got the row right; it is derived from the \
             label and must not be a feature.",
        ]
        .map(str::to_owned)
        .to_vec(),
    }
}
