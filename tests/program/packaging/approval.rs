//! A deployment goes by our journal.

use super::script;
use crate::harness::{Project, Training, text};
use crate::serving;

#[test]
fn only_the_approved_plan_in_production_is_deployed() {
    let project = Project::new(Training::Short);
    let show = project.json(&["retrain", "--json"]);
    let plan = show["plan_id"].as_str().unwrap().to_owned();

    // Waiting for approval: nobody has decided on it.
    let output = project.run(&["journal", "verify", "--plan", &plan]);
    assert_eq!(output.status.code(), Some(7), "{}", text(&output));
    let output = script("deploy/verify-approval.sh", &project)
        .arg(&plan)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", text(&output));
    assert!(text(&output).contains("nothing is deployed"));

    let approved = project.run(&["approve", &plan, "--reason", "test"]);
    assert!(approved.status.success(), "{}", text(&approved));
    let proof = project.json(&["journal", "verify", "--plan", &plan[..6], "--json"]);
    assert_eq!(proof["plan_id"], plan.as_str());
    assert_eq!(proof["version"], "v1");
    assert_eq!(proof["approved_by"][0], "tester");
    let output = script("deploy/verify-approval.sh", &project)
        .arg(&plan)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("version=v1\n"), "{said}");
    let model = proof["model_sha256"].as_str().unwrap();
    assert!(said.contains(&format!("model_sha256={model}\n")), "{said}");

    // The same champion is packed to the same bytes; another plan's is not packed.
    let pack = |plan: &str, out: &str| {
        script("deploy/pack-model.sh", &project)
            .args([plan, out])
            .output()
            .unwrap()
    };
    for name in ["one.tar.gz", "two.tar.gz"] {
        let output = pack(&plan, name);
        assert!(output.status.success(), "{}", text(&output));
    }
    let bytes = |name: &str| std::fs::read(project.path().join(name)).unwrap();
    assert_eq!(bytes("one.tar.gz"), bytes("two.tar.gz"));
    assert!(!pack("0000", "three.tar.gz").status.success());
    assert!(!project.path().join("three.tar.gz").exists());

    // Once another model is in production the plan is no longer the one to deploy.
    assert_eq!(serving::push(&project), "v2");
    let output = project.run(&["journal", "verify", "--plan", &plan]);
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
    assert!(text(&output).contains("v2 is in production"));
    // And with a damaged chain nothing is.
    let journal = project.path().join("Artifacts/journal.jsonl");
    let damaged = std::fs::read_to_string(&journal)
        .unwrap()
        .replace("test", "tost");
    std::fs::write(&journal, damaged).unwrap();
    let output = project.run(&["journal", "verify", "--plan", &plan]);
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
}
