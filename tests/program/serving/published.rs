//! A scoring host that has nothing but the address of the published store.

use std::process::Output;

use super::Service;
use super::client::{get, post};
use crate::harness::{Project, Training, flows, text, wait_until};
use crate::services::{self, needs_servers};

const ROWS: &str = "duration,bytes,service,flags\n1.2,1300.5,http,3\n";

#[test]
fn the_champion_comes_from_a_bucket_by_its_pointer() {
    needs_servers!();
    let bucket = services::bucket("serving");
    let s3 = services::s3();
    let storage = format!("[storage]\nkind = \"s3\"\nbucket = \"{bucket}\"\n");
    let trainer = Project::new(Training::Short);
    let config = std::fs::read_to_string(trainer.config()).unwrap();
    std::fs::write(trainer.config(), format!("{config}{storage}")).unwrap();
    let run = |args: &[&str]| -> Output {
        let output = trainer.netsec(args).envs(s3.env()).output().unwrap();
        assert!(output.status.success(), "{args:?} {}", text(&output));
        output
    };
    let push = || {
        let show: serde_json::Value =
            serde_json::from_slice(&run(&["retrain", "--json"]).stdout).unwrap();
        run(&[
            "approve",
            show["plan_id"].as_str().unwrap(),
            "--reason",
            "test",
        ]);
    };

    // The host starts before there is a champion.
    let host = Project::new(Training::Short);
    std::fs::write(
        host.config(),
        format!("{storage}[serve]\nsource = \"storage\"\npoll_seconds = 1\n"),
    )
    .unwrap();
    let env = s3.env();
    let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let service = Service::start_with(&host, &env);
    assert_eq!(get(service.address, "/ready").status, 503);
    push();
    service.wait_for_said("v1 is in use");
    let served = post(service.address, "/predict", "text/csv", ROWS);
    assert_eq!(served.status, 200, "{}", served.text());
    std::fs::write(trainer.path().join("new.csv"), ROWS).unwrap();
    let batch = run(&["predict", "new.csv"]);
    let batch = String::from_utf8(batch.stdout).unwrap();
    let label = |table: &str| {
        table
            .lines()
            .nth(1)
            .unwrap()
            .split(',')
            .nth(4)
            .unwrap()
            .to_owned()
    };
    assert_eq!(label(&served.text()), label(&batch));

    // The pointer moves on, and back.
    super::any_model_passes(&trainer);
    std::fs::write(trainer.path().join("flows.csv"), flows(900)).unwrap();
    push();
    service.wait_for_said("v2 is in use instead of v1");
    run(&["rollback", "v1", "--reason", "test"]);
    service.wait_for_said("v1 is in use instead of v2");
    wait_until("the reply of v1", || {
        let reply = post(service.address, "/predict", "text/csv", ROWS);
        assert_eq!(reply.status, 200);
        reply.header("x-netsec-model-version") == Some("v1")
    });
    // Nothing of it was written beside the host's configuration.
    assert!(!host.path().join("final_model").exists());
    for secret in [&s3.access_key, &s3.secret_key] {
        assert!(
            !service
                .said()
                .iter()
                .any(|line| line.contains(secret.as_str()))
        );
    }
}

#[test]
fn a_store_that_is_away_is_told_and_waited_for() {
    let host = Project::new(Training::Short);
    std::fs::write(
        host.config(),
        "[storage]\nkind = \"s3\"\nbucket = \"nobody\"\n[serve]\nsource = \"storage\"\n",
    )
    .unwrap();
    let env = [
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "a-key-of-nobody"),
        ("AWS_SECRET_ACCESS_KEY", "a-secret-of-nobody"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let service = Service::start_with(&host, &env);
    service.wait_for_said("cannot be read");
    let reply = get(service.address, "/ready");
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(
        !service
            .said()
            .iter()
            .any(|line| line.contains("a-secret-of-nobody"))
    );
}
