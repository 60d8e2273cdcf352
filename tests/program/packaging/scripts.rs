//! The scripts around images and credentials: what they refuse, and that they show no secret.

use super::{repository, script};
use crate::harness::{Project, Training, text};

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn credentials_by_role_come_first_and_keys_are_warned_of() {
    let project = Project::new(Training::Short);
    let run = |env: &[(&str, &str)]| {
        let output = script("deploy/credentials.sh", &project)
            .envs(env.iter().copied())
            .output()
            .unwrap();
        let said = text(&output);
        assert!(!said.contains("wJalr"), "{said}");
        (output.status.success(), said)
    };
    let region = ("AWS_REGION", "eu-west-1");
    let role = ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r");
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "wJalr"),
    ];
    let (good, said) = run(&[region, role, keys[0], keys[1]]);
    assert!(
        good && said.contains("kind=role") && !said.contains("::warning"),
        "{said}"
    );
    let (good, said) = run(&[region, keys[0], keys[1]]);
    assert!(
        good && said.contains("kind=keys") && said.contains("::warning"),
        "{said}"
    );
    let (good, said) = run(&[region, keys[0]]);
    assert!(!good && said.contains("::error"), "{said}");
    let (good, said) = run(&[role]);
    assert!(!good && said.contains("AWS_REGION"), "{said}");
}

#[test]
fn images_are_named_by_digest_or_not_at_all() {
    let project = Project::new(Training::Short);
    for image in ["repo/netsec:latest", "repo/netsec@sha256:12", "netsec"] {
        let output = script("deploy/verify-image.sh", &project)
            .arg(image)
            .output()
            .unwrap();
        assert!(!output.status.success(), "{image}");
        let output = script("deploy/switch.sh", &project)
            .args(["deploy", "--state", "state", "--runtime", "docker"])
            .args(["--release", image])
            .output()
            .unwrap();
        assert!(!output.status.success(), "{image}");
        assert!(text(&output).contains("by digest"), "{}", text(&output));
    }
}

/// `aws` and `skopeo` as far as the scripts use them: a state in files, answers as the real ones
/// give them. What is tried here is what the scripts make of the answers.
const FAKE: &str = r#"#!/usr/bin/env bash
echo "$(basename "$0") $*" >>"$FAKE/calls"
get() { cat "$FAKE/$1" 2>/dev/null; }
case "$(basename "$0") $*" in
"aws ecr describe-images"*) get pushed || exit 254 ;;
"skopeo inspect"*) get archive ;;
"skopeo copy"*) for ((i = 1; i < $#; i++)); do [ "${!i}" != --digestfile ] || { j=$((i + 1)); get archive >"${!j}"; }; done ;;
"aws ecs describe-services"*deployments*) get primary ;;
"aws ecs describe-services"*) echo task:1 ;;
"aws ecs register-task-definition"*) for a in "$@"; do case "$a" in file://*) cp "${a#file://}" "$FAKE/definition" ;; esac; done; echo task:2 ;;
"aws ecs update-service"*) [ -e "$FAKE/breaker" ] && echo task:1 >"$FAKE/primary" || echo task:2 >"$FAKE/primary" ;;
"aws ecs wait"*) ;;
"aws sagemaker describe-model"* | "aws sagemaker describe-endpoint-config"*) exit 254 ;;
"aws sagemaker describe-endpoint"*EndpointConfigName*) get endpoint || exit 254 ;;
"aws sagemaker describe-endpoint"*EndpointStatus*) echo InService ;;
"aws sagemaker create-endpoint --"* | "aws sagemaker update-endpoint --"*)
    while [ $# -gt 0 ]; do [ "$1" != --endpoint-config-name ] || echo "$2" >"$FAKE/endpoint"; shift; done ;;
"aws sagemaker wait"*) if [ -e "$FAKE/fails" ]; then rm "$FAKE/fails"; exit 255; fi ;;
esac
"#;

/// A folder with the fakes, in front of the path.
fn fakes(project: &Project) -> String {
    use std::os::unix::fs::PermissionsExt;
    let bin = project.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    for name in ["aws", "skopeo"] {
        std::fs::write(bin.join(name), FAKE).unwrap();
        std::fs::set_permissions(bin.join(name), PermissionsExt::from_mode(0o755)).unwrap();
    }
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())
}

#[test]
fn an_image_is_pushed_once_under_the_commit() {
    let project = Project::new(Training::Short);
    let path = fakes(&project);
    let fake = project.path().join("fake");
    std::fs::create_dir_all(&fake).unwrap();
    std::fs::write(fake.join("archive"), DIGEST).unwrap();
    let push = |uri: &str| {
        let output = script("deploy/push-image.sh", &project)
            .env("PATH", &path)
            .env("FAKE", &fake)
            .env("ARCHIVE", "image.tar")
            .env("LOGGED_IN", "1.dkr.ecr.eu-west-1.amazonaws.com")
            .env("REPOSITORY", "networksecurity")
            .env("TARGET", "serve")
            .env("GITHUB_SHA", "c0ffee")
            .env("AWS_ECR_LOGIN_URI", uri)
            .output()
            .unwrap();
        (output.status.success(), text(&output))
    };
    let (good, said) = push("https://1.dkr.ecr.eu-west-1.amazonaws.com/networksecurity");
    assert!(good, "{said}");
    assert!(said.contains(&format!("digest={DIGEST}")), "{said}");
    let calls = std::fs::read_to_string(fake.join("calls")).unwrap();
    assert!(
        calls.contains("docker://1.dkr.ecr.eu-west-1.amazonaws.com/networksecurity:git-c0ffee"),
        "{calls}"
    );
    assert!(!calls.contains("latest"), "{calls}");
    // Another registry than the one logged in to.
    let (good, said) = push("2.dkr.ecr.eu-west-1.amazonaws.com");
    assert!(!good && said.contains("another registry"), "{said}");
    // There already: the same bytes are fine, others are not.
    std::fs::write(fake.join("pushed"), DIGEST).unwrap();
    assert!(push("").0);
    std::fs::write(fake.join("pushed"), DIGEST.replace("0123", "4567")).unwrap();
    let (good, said) = push("");
    assert!(!good && said.contains("other bytes"), "{said}");
}

#[test]
fn ecs_is_stable_on_the_new_task_or_the_deployment_fails() {
    let project = Project::new(Training::Short);
    let path = fakes(&project);
    let fake = project.path().join("fake");
    std::fs::create_dir_all(&fake).unwrap();
    let run = |image: &str| {
        let output = script("deploy/ecs.sh", &project)
            .env("PATH", &path)
            .env("FAKE", &fake)
            .env("IMAGE", image)
            .envs([
                ("CLUSTER", "c"),
                ("SERVICE", "s"),
                ("BUCKET", "models"),
                ("VERSION", "v3"),
                ("AWS_REGION", "eu-west-1"),
                ("TASK_ROLE_ARN", "arn:aws:iam::1:role/task"),
                ("EXECUTION_ROLE_ARN", "arn:aws:iam::1:role/execution"),
                (
                    "TOKENS_SECRET_ARN",
                    "arn:aws:secretsmanager:eu-west-1:1:secret:tokens",
                ),
            ])
            .output()
            .unwrap();
        (output.status.success(), text(&output))
    };
    let image = format!("repo/netsec@{DIGEST}");
    let (good, said) = run(&image);
    assert!(good && said.contains("stable on task:2"), "{said}");
    let definition: serde_json::Value =
        serde_json::from_slice(&std::fs::read(fake.join("definition")).unwrap()).unwrap();
    let container = &definition["containerDefinitions"][0];
    assert_eq!(container["image"], image.as_str());
    assert!(!definition.to_string().contains("${"), "{definition}");
    // The service understands what it is told: it gets as far as the address.
    let mut serve = project.netsec(&["serve", "--listen", "nowhere"]);
    for variable in container["environment"].as_array().unwrap() {
        serve.env(
            variable["name"].as_str().unwrap(),
            variable["value"].as_str().unwrap(),
        );
    }
    let output = serve.output().unwrap();
    assert!(text(&output).contains("`nowhere`"), "{}", text(&output));
    // The circuit breaker went back: stable, but on the old one.
    std::fs::write(fake.join("breaker"), "").unwrap();
    let (good, said) = run(&image);
    assert!(!good && said.contains("went back to task:1"), "{said}");
    assert!(!run("repo/netsec:latest").0);
    assert!(!run(&format!("repo/\"netsec@{DIGEST}")).0);
}

#[test]
fn sagemaker_goes_back_to_the_former_configuration() {
    let project = Project::new(Training::Short);
    let path = fakes(&project);
    let fake = project.path().join("fake");
    std::fs::create_dir_all(&fake).unwrap();
    std::fs::write(project.path().join("model.tar.gz"), "model").unwrap();
    let run = |version: &str| {
        let output = script("deploy/sagemaker.sh", &project)
            .env("PATH", &path)
            .env("FAKE", &fake)
            .env("IMAGE", format!("repo/netsec@{DIGEST}"))
            .envs([
                ("ENDPOINT", "scores"),
                ("ROLE_ARN", "arn:aws:iam::1:role/r"),
                ("INSTANCE_TYPE", "ml.m5.large"),
                ("BUCKET", "models"),
                ("VERSION", version),
                ("ARCHIVE", "model.tar.gz"),
            ])
            .output()
            .unwrap();
        (output.status.success(), text(&output))
    };
    let endpoint = || std::fs::read_to_string(fake.join("endpoint")).unwrap();
    let (good, said) = run("v1");
    assert!(good, "{said}");
    let first = endpoint();
    assert!(first.starts_with("netsec-v1-"), "{first}");
    // The same again changes nothing.
    let (good, said) = run("v1");
    assert!(good && said.contains("already"), "{said}");
    // The next one does not come into service.
    std::fs::write(fake.join("fails"), "").unwrap();
    let (good, said) = run("v2");
    assert!(
        !good && said.contains("did not come into service"),
        "{said}"
    );
    assert_eq!(endpoint(), first);
}

#[test]
fn every_script_says_what_it_needs() {
    for entry in std::fs::read_dir(repository("deploy")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "sh") {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("#!/usr/bin/env bash\n# "), "{path:?}");
            assert!(text.contains("set -euo pipefail"), "{path:?}");
        }
    }
}
