//! A collection on the Data screen, from a real server: its first documents are there at once, the
//! others follow, and whoever looks at them stays where they are.

use crate::pty::{Session, command};
use crate::services::{self, needs_servers};

const DOCUMENTS: usize = 60_000;

#[test]
fn the_first_documents_of_a_collection_show_while_the_others_are_read() {
    needs_servers!();
    let database = services::unique("first");
    let mongodb = services::mongodb();
    let script = format!(
        "import os, pymongo\n\
         c = pymongo.MongoClient(os.environ['URI'])[os.environ['DB']]['flows']\n\
         c.insert_many([{{'n': i, 'service': ['http', 'dns'][i % 2]}} for i in range({DOCUMENTS})])\n"
    );
    let filled = services::python()
        .args(["-c", &script])
        .env("URI", &mongodb.uri)
        .env("DB", &database)
        .status()
        .unwrap();
    assert!(filled.success());

    let dir = tempfile::tempdir().unwrap();
    let mut console = command(env!("CARGO_BIN_EXE_netsec"), dir.path());
    console.arg("console");
    console.env("MONGODB_URI", &mongodb.uri);
    let mut session = Session::open((120, 36), console);
    session.wait_text("Welcome");
    session.keys("2");
    session.wait_text("Nothing is open.");
    session.keys("o");
    session.wait_text("Enter opens");
    session.keys(&format!("mongodb:{database}.flows\r"));
    session.wait_text("row 1 of 60,000");
    // The first ones were shown before, and a filter is one of all documents.
    let raw = String::from_utf8_lossy(&session.raw()).into_owned();
    assert!(raw.contains("2,000"), "the first documents were not shown");
    assert!(!session.text().contains("the first"), "{}", session.text());
    session.keys("/");
    session.wait_text("Filter the rows");
    session.keys("n >= 59990\r");
    session.wait_text("row 1 of 10 ");
    session.keys("q");
    session.wait_end();
}
