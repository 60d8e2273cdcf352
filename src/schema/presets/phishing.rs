//! UCI "Phishing Websites": 30 features of a web page, each -1, 0 or 1; `Result` -1 = phishing.

use super::{label, ranged};
use crate::schema::{ClassMapping, ColumnKind, ColumnSpec, Schema, Target};

const FEATURES: [&str; 30] = [
    "having_IP_Address",
    "URL_Length",
    "Shortining_Service",
    "having_At_Symbol",
    "double_slash_redirecting",
    "Prefix_Suffix",
    "having_Sub_Domain",
    "SSLfinal_State",
    "Domain_registeration_length",
    "Favicon",
    "port_no",
    "HTTPS_token",
    "Request_URL",
    "URL_of_Anchor",
    "Links_in_tags",
    "SFH",
    "Submitting_to_email",
    "Abnormal_URL",
    "Redirect",
    "on_mouseover",
    "RightClick",
    "popUpWidnow",
    "Iframe",
    "age_of_domain",
    "DNSRecord",
    "web_traffic",
    "Page_Rank",
    "Google_Index",
    "Links_pointing_to_page",
    "Statistical_report",
];

/// The preset.
pub fn schema() -> Schema {
    let mut columns: Vec<ColumnSpec> = FEATURES
        .iter()
        .map(|name| ColumnSpec {
            aliases: match *name {
                "port_no" => vec!["port".to_owned()],
                "Shortining_Service" => vec!["Shortening_Service".to_owned()],
                "popUpWidnow" => vec!["popUpWindow".to_owned()],
                "Domain_registeration_length" => vec!["Domain_registration_length".to_owned()],
                _ => Vec::new(),
            },
            ..ranged(name, ColumnKind::Integer, -1.0, 1.0)
        })
        .collect();
    columns.push(ColumnSpec {
        min: Some(-1.0),
        max: Some(1.0),
        ..label("Result", ColumnKind::Integer)
    });
    Schema {
        name: "phishing".to_owned(),
        columns,
        target: Target {
            name: "Result".to_owned(),
            column: "Result".to_owned(),
            mapping: ClassMapping::Binary {
                negative: vec!["1".to_owned()],
                positive: vec!["-1".to_owned()],
                names: ["1".to_owned(), "-1".to_owned()],
            },
        },
        headerless: false,
        null_texts: Vec::new(),
        oddities: vec![
            "`Result` is -1 for phishing and 1 for legitimate pages, so the threat is the smaller \
             number."
                .to_owned(),
            "Nearly half of the rows are exact duplicates (5,206 of 11,055), so a random split \
             puts most test rows into the train split as well."
                .to_owned(),
            "64 feature vectors (357 rows) carry both labels; no model can be right on all of \
             them, the ceiling is 98.969 % accuracy."
                .to_owned(),
            "Some copies name column 11 `port`, others `port_no`.".to_owned(),
            "Features are three-valued judgements (-1, 0, 1) made by rules, not measurements."
                .to_owned(),
        ],
    }
}
