//! The router without a network: every route of the table, the gate, and the forms of refusals.

use super::*;
use crate::config::ServeConfig;
use crate::serving::app::Project;
use crate::serving::openapi;
use crate::serving::prediction_log::PredictionLog;
use crate::serving::settings::Settings;
use crate::serving::testing::flow_model;
use crate::serving::tokens::Tokens;
use crate::workspace::Workspace;
use axum::body::Body;
use axum::http::Method as HttpMethod;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

const SECRET: &str = "0123456789abcdef";

fn app(tokens: &str, model: bool) -> Arc<App> {
    let workspace = Workspace::new("no-such-folder-of-a-test");
    let config = ServeConfig {
        max_body_mib: 1,
        ..ServeConfig::default()
    };
    let app = App::new(
        Settings::of(&config, &workspace, None).unwrap(),
        Tokens::parse(tokens).unwrap(),
        Project {
            config_file: workspace.config_file(),
            workspace,
        },
        "netsec".to_owned(),
        PredictionLog::default(),
    );
    if model {
        app.slot.set(Some(Arc::new(flow_model())));
    }
    Arc::new(app)
}

async fn send(
    app: &Arc<App>,
    request: axum::http::request::Builder,
    body: &str,
) -> (u16, axum::http::HeaderMap, String) {
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = router(Arc::clone(app)).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (
        parts.status.as_u16(),
        parts.headers,
        String::from_utf8_lossy(&bytes).into_owned(),
    )
}

fn request(method: &str, path: &str) -> axum::http::request::Builder {
    axum::http::Request::builder()
        .method(HttpMethod::from_bytes(method.as_bytes()).unwrap())
        .uri(path)
        .header("host", "localhost:8080")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn filled(path: &str) -> String {
    path.replace("{model}", "netsec")
        .replace("{version}", "v1")
        .replace("{id}", "latest")
}

#[tokio::test]
async fn the_document_and_the_router_know_the_same_routes() {
    let app = app("", true);
    let (status, _, text) = send(&app, request("GET", "/openapi.json"), "").await;
    assert_eq!(status, 200);
    let document = json(&text);
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "delete", "patch"] {
            let told = operations.get(method).is_some();
            let builder = request(&method.to_uppercase(), &filled(path));
            let (status, headers, text) = send(&app, builder, "").await;
            assert_eq!(status == 405, !told, "{method} {path}: {status} {text}");
            if told {
                let replies = operations[method]["responses"].as_object().unwrap();
                assert!(
                    replies.contains_key(&status.to_string()),
                    "{method} {path}: {status} {text}"
                );
            } else {
                assert!(headers.contains_key("allow"), "{method} {path}");
            }
            assert!(headers.contains_key("x-request-id"));
        }
    }
    let (status, _, text) = send(&app, request("GET", "/nowhere"), "").await;
    assert_eq!(
        (status, json(&text)["code"].as_str()),
        (404, Some("not_found"))
    );
}

#[tokio::test]
async fn rows_are_scored_by_every_route_alike() {
    let app = app("", true);
    let row = r#"{"duration": 0.9, "bytes": 900, "service": "http"}"#;
    let predict = |body: String| {
        let app = Arc::clone(&app);
        async move {
            let builder = request("POST", "/predict").header("content-type", "application/json");
            send(&app, builder, &body).await
        }
    };
    let (status, headers, text) = predict(format!("[{row}]")).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(headers["x-netsec-model-version"], "v1");
    assert_eq!(headers["x-netsec-model-sha256"], "ab".repeat(32).as_str());
    let prediction = json(&text)["predictions"][0].clone();
    assert_eq!(prediction["predicted_label"], "attack");
    let id = headers["x-request-id"].to_str().unwrap();
    assert_eq!(prediction["prediction_id"], format!("{id}-0"));

    let builder = request("POST", "/invocations").header("content-type", "application/json");
    let (status, _, text) = send(&app, builder, &format!("{{\"instances\": [{row}]}}")).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(
        json(&text)["predictions"][0]["predicted_score"],
        prediction["predicted_score"]
    );

    let tensor = |name: &str, datatype: &str, data: &str| {
        format!(r#"{{"name": "{name}", "shape": [1], "datatype": "{datatype}", "data": [{data}]}}"#)
    };
    let body = format!(
        r#"{{"inputs": [{}, {}, {}]}}"#,
        tensor("duration", "FP32", "0.9"),
        tensor("bytes", "INT64", "900"),
        tensor("service", "BYTES", "\"http\"")
    );
    let (status, _, text) = send(
        &app,
        request("POST", "/v2/models/netsec/versions/v1/infer"),
        &body,
    )
    .await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(json(&text)["outputs"][0]["data"][0], "attack");

    let form = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../x\"\r\n\r\nduration,bytes,service\n0.9,900,http\n\r\n--b--\r\n";
    let builder = request("POST", "/predict")
        .header("content-type", "multipart/form-data; boundary=b")
        .header("accept", "text/html,*/*");
    let (status, headers, text) = send(&app, builder, form).await;
    assert_eq!(status, 200, "{text}");
    assert!(
        headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    assert!(text.contains("<td>attack</td>"));
    let metrics = app.metrics.text(&app.log);
    assert!(
        metrics.contains("netsec_predictions_total{model_version=\"v1\",class=\"attack\"} 4"),
        "{metrics}"
    );
}

#[tokio::test]
async fn hostile_bodies_get_a_clear_answer() {
    let app = app("", true);
    let large = "x".repeat(2 << 20);
    for (path, media, body, status) in [
        ("/predict", "application/json", "{", 400),
        ("/predict", "application/json", "[{}]", 422),
        ("/predict", "application/json", "[1, 2]", 422),
        ("/predict", "application/json", large.as_str(), 413),
        ("/predict", "text/csv", "", 400),
        ("/predict", "text/csv", "a,b\n1,2\n", 422),
        ("/predict", "application/pickle", "x", 415),
        ("/predict", "multipart/form-data", "x", 400),
        (
            "/predict",
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\ny\r\n--b--",
            400,
        ),
        ("/invocations", "application/json", "[]", 400),
        (
            "/invocations",
            "application/json",
            r#"{"inputs": {"duration": ["a"], "bytes": [1], "service": [[]]}}"#,
            400,
        ),
        ("/v2/models/netsec/infer", "application/json", "{}", 400),
        ("/v2/models/other/infer", "application/json", "{}", 404),
        (
            "/v2/models/netsec/versions/v9/infer",
            "application/json",
            "{}",
            404,
        ),
        ("/runs/..%2f..%2fetc", "text/plain", "", 405),
    ] {
        let builder = request("POST", path).header("content-type", media);
        let (found, _, text) = send(&app, builder, body).await;
        assert_eq!(found, status, "{path} {media} {text}");
        let value = json(&text);
        assert!(
            value["error"].as_str().is_some_and(|e| !e.is_empty()) && value["code"].is_string()
        );
    }
    for path in [
        "/runs/..%2f..%2fetc",
        "/runs/%00",
        "/runs/A",
        "/runs?limit=0",
        "/runs?x=1",
    ] {
        let (status, _, text) = send(&app, request("GET", path), "").await;
        assert_eq!(status, 400, "{path} {text}");
    }
    let builder = request("POST", "/predict")
        .header("content-encoding", "gzip")
        .header("content-type", "text/csv");
    assert_eq!(send(&app, builder, "x").await.0, 415);
    let (_, _, text) = send(&app, request("GET", "/metrics"), "").await;
    assert!(
        text.contains("netsec_schema_rejections_total{rule=\"missing_column\"} 3"),
        "{text}"
    );
    assert!(
        text.contains("netsec_schema_rejections_total{rule=\"not_a_number\"} 1"),
        "{text}"
    );
    assert!(
        text.contains("netsec_refused_requests_total{reason=\"too_large\"} 1"),
        "{text}"
    );
}

#[tokio::test]
async fn tokens_open_their_scopes_and_nothing_else() {
    let app = app(&format!("scorer:predict,metrics:{SECRET}"), true);
    let with = |method: &str, path: &str, token: Option<&str>| {
        let mut builder = request(method, path);
        if let Some(token) = token {
            builder = builder.header("authorization", format!("Bearer {token}"));
        }
        builder
    };
    for (method, path, token, status) in [
        ("GET", "/v2", None, 401),
        ("GET", "/v2", Some("wrong"), 401),
        ("GET", "/v2", Some(SECRET), 200),
        ("GET", "/metrics", None, 401),
        ("GET", "/metrics", Some(SECRET), 200),
        ("GET", "/runs", Some(SECRET), 403),
        ("POST", "/train", Some(SECRET), 403),
        ("POST", "/train", None, 401),
        ("GET", "/train", Some(SECRET), 405),
        ("GET", "/ping", None, 200),
        ("GET", "/docs", None, 200),
    ] {
        let (found, headers, text) = send(&app, with(method, path, token), "").await;
        assert_eq!(found, status, "{method} {path} {text}");
        assert_eq!(headers.contains_key("www-authenticate"), status == 401);
        assert!(!text.contains(SECRET));
    }
    // The routes are told to anybody, what the model reads to those with a token of any scope.
    for path in ["/docs", "/openapi.json"] {
        let (_, _, told) = send(&app, with("GET", path, None), "").await;
        assert!(
            told.contains("/predict") && !told.contains("duration"),
            "{told}"
        );
        let (_, _, told) = send(&app, with("GET", path, Some(SECRET)), "").await;
        assert!(told.contains("duration"), "{told}");
    }
    // With tokens any name will do: a proxy may stand in front.
    let named = axum::http::Request::builder()
        .uri("/ping")
        .header("host", "scores.example.org");
    assert_eq!(send(&app, named, "").await.0, 200);
}

#[tokio::test]
async fn without_tokens_only_this_machine_is_answered_and_nothing_trained() {
    let app = app("", true);
    for (host, status) in [
        ("localhost", 200),
        ("LOCALHOST:8080", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8080", 200),
        ("evil.example.org:8080", 421),
        ("127.0.0.1.evil.example.org", 421),
        ("localhost@evil.org", 421),
    ] {
        let builder = axum::http::Request::builder()
            .uri("/ping")
            .header("host", host);
        assert_eq!(send(&app, builder, "").await.0, status, "{host}");
    }
    let (status, _, text) = send(&app, request("POST", "/train"), "").await;
    assert_eq!(status, 403, "{text}");
}

#[tokio::test]
async fn without_a_model_everything_says_so() {
    let app = app("", false);
    for path in [
        "/ping",
        "/health",
        "/ready",
        "/v2/health/ready",
        "/v2/models/netsec",
    ] {
        let (status, _, text) = send(&app, request("GET", path), "").await;
        assert_eq!(status, 503, "{path} {text}");
    }
    for path in [
        "/live",
        "/v2/health/live",
        "/version",
        "/docs",
        "/openapi.json",
        "/metrics",
    ] {
        let (status, _, text) = send(&app, request("GET", path), "").await;
        assert_eq!(status, 200, "{path} {text}");
    }
    let builder = request("POST", "/predict").header("content-type", "application/json");
    let (status, headers, text) = send(&app, builder, "[]").await;
    assert_eq!(
        (status, json(&text)["code"].as_str()),
        (503, Some("no_model"))
    );
    assert!(headers.contains_key("retry-after"));
    assert!(openapi::document(None)["paths"].is_object());
}

#[tokio::test]
async fn verdicts_are_taken_joined_and_counted() {
    use crate::serving::traffic_keeper;
    let dir = tempfile::tempdir().unwrap();
    let workspace = Workspace::new(dir.path());
    let keeper = traffic_keeper::start(&ServeConfig::default(), &workspace).unwrap();
    let mut app = App::new(
        Settings::of(&ServeConfig::default(), &workspace, None).unwrap(),
        Tokens::parse("").unwrap(),
        Project {
            config_file: workspace.config_file(),
            workspace: workspace.clone(),
        },
        "netsec".to_owned(),
        keeper.outlet.clone(),
    );
    app.feedback = keeper.feedback.clone();
    app.kept = Some(Arc::clone(&keeper.kept));
    app.slot.set(Some(Arc::new(flow_model())));
    let app = Arc::new(app);
    let post = |path| request("POST", path).header("content-type", "application/json");
    let rows = r#"{"rows": [{"duration": 0.1, "bytes": 1, "service": "dns"},
        {"duration": 0.9, "bytes": 900, "service": "http"}]}"#;
    let (status, _, text) = send(&app, post("/predict"), rows).await;
    assert_eq!(status, 200, "{text}");
    let predictions = json(&text)["predictions"].clone();
    let verdict = |row: usize, label: &str| serde_json::json!({"prediction_id": predictions[row]["prediction_id"], "label": label});
    // Once the keeper has taken the rows, verdicts find them.
    let body =
        serde_json::json!({"verdicts": [verdict(0, "benign"), verdict(1, "benign")], "by": "mara"});
    let reply = loop {
        let (status, _, text) = send(&app, post("/feedback"), &body.to_string()).await;
        if status == 200 {
            break json(&text);
        }
        assert_eq!(status, 404, "{text}");
        tokio::task::yield_now().await;
    };
    assert_eq!(reply["verdicts"][0]["outcome"], "recorded");
    assert_eq!(reply["verdicts"][0]["wrong"], false);
    assert_eq!(reply["verdicts"][1]["wrong"], true);
    assert_eq!(reply["concept"]["labelled"], 2);
    // Said again it is known; the threat class by any value of the label column is a correction.
    let body = serde_json::json!({"verdicts": [verdict(0, "benign"), verdict(1, "neptune")]});
    let (_, _, text) = send(&app, post("/feedback"), &body.to_string()).await;
    let reply = json(&text);
    assert_eq!(reply["verdicts"][0]["outcome"], "known");
    assert_eq!(reply["verdicts"][1]["outcome"], "corrected");
    let (_, _, text) = send(&app, request("GET", "/feedback"), "").await;
    assert_eq!(json(&text)["concept"]["wrong"], 0);
    for (body, expected) in [
        (r#"{"verdicts": []}"#, 400),
        (
            r#"{"verdicts": [{"prediction_id": "../x", "label": "benign"}]}"#,
            400,
        ),
        (
            r#"{"verdicts": [{"prediction_id": "0193a5b6c7d8-1a2b3c4d-17", "label": "benign"}]}"#,
            404,
        ),
        (r#"{"verdicts": 7}"#, 400),
    ] {
        let (status, _, text) = send(&app, post("/feedback"), body).await;
        assert!(status == expected || status == 422, "{status} {text}");
    }
    // What was scored is on the disk when the service has ended.
    keeper.outlet.close();
    keeper.thread.join().unwrap();
    let dir = crate::traffic::predictions_dir(&workspace);
    let frames = crate::traffic::Segments::list(&dir)
        .unwrap()
        .recent(None, 10)
        .unwrap();
    assert_eq!(frames[0].rows(), 2);
    let (_, _, text) = send(&app, request("GET", "/metrics"), "").await;
    for line in [
        "netsec_prediction_log_rows_total{state=\"written\"} 2",
        "netsec_labels_total{outcome=\"wrong\"} 1",
        "netsec_labels_total{outcome=\"corrected\"} 1",
        "netsec_concept_drift_state{detector=\"adwin\"} 0",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}
