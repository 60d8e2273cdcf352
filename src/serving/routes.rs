//! The one table of routes. The router, the OpenAPI document, the page at `/docs` and the check of
//! scopes are all made from it, so they cannot disagree.

use super::tokens::Scope;

/// The method of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET, and HEAD with it.
    Get,
    /// POST.
    Post,
}

impl Method {
    /// Its name in a document.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "get",
            Method::Post => "post",
        }
    }
}

/// What a route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// To the page.
    Root,
    /// The page.
    Docs,
    /// The OpenAPI document.
    OpenApi,
    /// Rows in, predictions out.
    Predict,
    /// MLflow and SageMaker: rows in, predictions out.
    Invocations,
    /// Open Inference Protocol: the server.
    ServerMetadata,
    /// Open Inference Protocol: the process answers.
    ServerLive,
    /// Open Inference Protocol: a model is loaded.
    ServerReady,
    /// Open Inference Protocol: the model.
    ModelMetadata,
    /// Open Inference Protocol: the model is ready.
    ModelReady,
    /// Open Inference Protocol: tensors in, tensors out.
    Infer,
    /// The process answers.
    Live,
    /// A model is loaded.
    Ready,
    /// The program's version.
    Version,
    /// Takes analysts' verdicts.
    Feedback,
    /// How the champion does by them.
    FeedbackStatus,
    /// Starts a retrain.
    Train,
    /// The runs.
    Runs,
    /// One run.
    Run,
    /// The counters.
    Metrics,
}

/// A type of body or reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// JSON.
    Json,
    /// CSV.
    Csv,
    /// A form with a file.
    Form,
    /// HTML.
    Html,
    /// Plain text.
    Text,
    /// OpenMetrics.
    OpenMetrics,
}

impl Media {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Media::Json => "application/json",
            Media::Csv => "text/csv",
            Media::Form => "multipart/form-data",
            Media::Html => "text/html",
            Media::Text => "text/plain",
            Media::OpenMetrics => "application/openmetrics-text",
        }
    }
}

/// A shape of a document, defined in the OpenAPI document's components.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Plain text.
    Text,
    /// Rows of `/predict`.
    PredictRequest,
    /// Its reply.
    PredictReply,
    /// A form with the field `file`.
    Upload,
    /// Rows of `/invocations`.
    InvocationsRequest,
    /// Its reply.
    InvocationsReply,
    /// Tensors in.
    InferRequest,
    /// Tensors out.
    InferReply,
    /// Metadata of the server.
    ServerMetadata,
    /// Metadata of the model.
    ModelMetadata,
    /// Whether something is ready or live.
    Health,
    /// Verdicts.
    FeedbackRequest,
    /// What came of them.
    FeedbackReply,
    /// How the champion does.
    FeedbackStatus,
    /// What to train.
    TrainRequest,
    /// The run that began.
    TrainReply,
    /// The runs.
    Runs,
    /// One run.
    Run,
    /// A refusal.
    Error,
    /// Any JSON object.
    Object,
}

/// A parameter of the path or the query.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Whether it stands in the path; else in the query.
    pub in_path: bool,
    /// What it is.
    pub about: &'static str,
    /// What it must match, for texts; a number from 1 to 1000 where there is none.
    pub pattern: Option<&'static str>,
}

/// A reply.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// What it means.
    pub about: &'static str,
    /// Its bodies.
    pub bodies: &'static [(Media, Shape)],
}

/// A route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path; parameters in braces.
    pub path: &'static str,
    /// What a token needs for it; `None` = open to everybody.
    pub scope: Option<Scope>,
    /// Its chapter.
    pub tag: &'static str,
    /// One line.
    pub summary: &'static str,
    /// More.
    pub about: &'static str,
    /// Its parameters.
    pub parameters: &'static [Parameter],
    /// What it takes.
    pub bodies: &'static [(Media, Shape)],
    /// Whether a body must be there.
    pub body_needed: bool,
    /// What it answers, besides the refusals that follow from scope and body.
    pub replies: &'static [Reply],
    /// What it does.
    pub endpoint: Endpoint,
}

impl Route {
    /// Whether it scores rows, and so shares their limits and refusals.
    pub fn scores(&self) -> bool {
        matches!(
            self.endpoint,
            Endpoint::Predict | Endpoint::Invocations | Endpoint::Infer
        )
    }
}

const fn get(
    path: &'static str,
    scope: Option<Scope>,
    tag: &'static str,
    summary: &'static str,
    replies: &'static [Reply],
    endpoint: Endpoint,
) -> Route {
    Route {
        method: Method::Get,
        path,
        scope,
        tag,
        summary,
        about: "",
        parameters: &[],
        bodies: &[],
        body_needed: false,
        replies,
        endpoint,
    }
}

const fn ok(about: &'static str, bodies: &'static [(Media, Shape)]) -> Reply {
    Reply {
        status: 200,
        about,
        bodies,
    }
}

const NO_MODEL: Reply = Reply {
    status: 503,
    about: "No model is loaded, or the service is ending or overloaded.",
    bodies: &[(Media::Json, Shape::Error)],
};
const NOT_FOUND: Reply = Reply {
    status: 404,
    about: "There is nothing of this name.",
    bodies: &[(Media::Json, Shape::Error)],
};
const NO_FEEDBACK: Reply = Reply {
    status: 409,
    about: "The file of verdicts cannot be read.",
    bodies: &[(Media::Json, Shape::Error)],
};
const HEALTHY: &[Reply] = &[
    ok("A model is loaded.", &[(Media::Json, Shape::Health)]),
    Reply {
        status: 503,
        about: "No model is loaded, or the service is ending.",
        bodies: &[(Media::Json, Shape::Health)],
    },
];
const LIVE: &[Reply] = &[ok("The process answers.", &[(Media::Json, Shape::Health)])];

const MODEL: Parameter = Parameter {
    name: "model",
    in_path: true,
    about: "Name of the model.",
    pattern: Some("^[A-Za-z0-9._ =-]{1,64}$"),
};
const VERSION: Parameter = Parameter {
    name: "version",
    in_path: true,
    about: "Version of the model, `v3`; only the one in use is there.",
    pattern: Some("^[A-Za-z0-9._-]{1,64}$"),
};
const RUN: Parameter = Parameter {
    name: "id",
    in_path: true,
    about: "Id of the run, or `latest`.",
    pattern: Some("^[a-z0-9-]{1,64}$"),
};
const LIMIT: Parameter = Parameter {
    name: "limit",
    in_path: false,
    about: "Most runs to list, newest first; 100 when left out.",
    pattern: None,
};

const SCORING: &str = "scoring";
const PROTOCOL: &str = "open inference protocol";
const HEALTH: &str = "health";
const TRAINING: &str = "training";
const FEEDBACK: &str = "feedback";
const SERVICE: &str = "service";

const MODEL_METADATA: &[Reply] = &[
    ok("The model.", &[(Media::Json, Shape::ModelMetadata)]),
    NOT_FOUND,
    NO_MODEL,
];
const MODEL_READY: &[Reply] = &[
    ok("The model is ready.", &[(Media::Json, Shape::Health)]),
    NOT_FOUND,
    NO_MODEL,
];
const INFER_REPLIES: &[Reply] = &[
    ok("The predictions.", &[(Media::Json, Shape::InferReply)]),
    NOT_FOUND,
];
const INFER_ABOUT: &str = "One tensor for each column of the model, by its name, of shape [n] or [n, 1]. Every row must be readable. Binary tensors are not taken.";

/// All routes.
pub const ROUTES: &[Route] = &[
    Route {
        method: Method::Post,
        path: "/predict",
        scope: Some(Scope::Predict),
        tag: SCORING,
        summary: "Score rows",
        about: "A CSV file (as a form's `file` or as the body) or JSON rows. Every row is answered, in order: one that cannot be read comes back with what is wrong, field by field. A CSV comes back as CSV, as an HTML table or as JSON, by `Accept`; JSON rows come back as JSON.",
        parameters: &[],
        bodies: &[
            (Media::Json, Shape::PredictRequest),
            (Media::Csv, Shape::Text),
            (Media::Form, Shape::Upload),
        ],
        body_needed: true,
        replies: &[ok(
            "A prediction for every row that could be read, and there is at least one.",
            &[
                (Media::Json, Shape::PredictReply),
                (Media::Csv, Shape::Text),
                (Media::Html, Shape::Text),
            ],
        )],
        endpoint: Endpoint::Predict,
    },
    Route {
        method: Method::Post,
        path: "/invocations",
        scope: Some(Scope::Predict),
        tag: SCORING,
        summary: "Score rows as MLflow and SageMaker ask",
        about: "dataframe_split, dataframe_records, instances, inputs, or text/csv. Every row must be readable.",
        parameters: &[],
        bodies: &[
            (Media::Json, Shape::InvocationsRequest),
            (Media::Csv, Shape::Text),
        ],
        body_needed: true,
        replies: &[ok(
            "The predictions.",
            &[
                (Media::Json, Shape::InvocationsReply),
                (Media::Csv, Shape::Text),
            ],
        )],
        endpoint: Endpoint::Invocations,
    },
    get(
        "/v2",
        Some(Scope::Predict),
        PROTOCOL,
        "The server",
        &[ok("The server.", &[(Media::Json, Shape::ServerMetadata)])],
        Endpoint::ServerMetadata,
    ),
    get(
        "/v2/health/live",
        None,
        PROTOCOL,
        "The process answers",
        LIVE,
        Endpoint::ServerLive,
    ),
    get(
        "/v2/health/ready",
        None,
        PROTOCOL,
        "A model is loaded",
        HEALTHY,
        Endpoint::ServerReady,
    ),
    Route {
        parameters: &[MODEL],
        ..get(
            "/v2/models/{model}",
            Some(Scope::Predict),
            PROTOCOL,
            "The model and its columns",
            MODEL_METADATA,
            Endpoint::ModelMetadata,
        )
    },
    Route {
        parameters: &[MODEL, VERSION],
        ..get(
            "/v2/models/{model}/versions/{version}",
            Some(Scope::Predict),
            PROTOCOL,
            "The model and its columns, of a version",
            MODEL_METADATA,
            Endpoint::ModelMetadata,
        )
    },
    Route {
        parameters: &[MODEL],
        ..get(
            "/v2/models/{model}/ready",
            Some(Scope::Predict),
            PROTOCOL,
            "Whether the model is ready",
            MODEL_READY,
            Endpoint::ModelReady,
        )
    },
    Route {
        parameters: &[MODEL, VERSION],
        ..get(
            "/v2/models/{model}/versions/{version}/ready",
            Some(Scope::Predict),
            PROTOCOL,
            "Whether a version of the model is ready",
            MODEL_READY,
            Endpoint::ModelReady,
        )
    },
    Route {
        method: Method::Post,
        path: "/v2/models/{model}/infer",
        scope: Some(Scope::Predict),
        tag: PROTOCOL,
        summary: "Score tensors",
        about: INFER_ABOUT,
        parameters: &[MODEL],
        bodies: &[(Media::Json, Shape::InferRequest)],
        body_needed: true,
        replies: INFER_REPLIES,
        endpoint: Endpoint::Infer,
    },
    Route {
        method: Method::Post,
        path: "/v2/models/{model}/versions/{version}/infer",
        scope: Some(Scope::Predict),
        tag: PROTOCOL,
        summary: "Score tensors with a version of the model",
        about: INFER_ABOUT,
        parameters: &[MODEL, VERSION],
        bodies: &[(Media::Json, Shape::InferRequest)],
        body_needed: true,
        replies: INFER_REPLIES,
        endpoint: Endpoint::Infer,
    },
    get(
        "/ping",
        None,
        HEALTH,
        "A model is loaded (MLflow, SageMaker)",
        HEALTHY,
        Endpoint::Ready,
    ),
    get(
        "/health",
        None,
        HEALTH,
        "A model is loaded (MLflow)",
        HEALTHY,
        Endpoint::Ready,
    ),
    get(
        "/ready",
        None,
        HEALTH,
        "A model is loaded",
        HEALTHY,
        Endpoint::Ready,
    ),
    get(
        "/live",
        None,
        HEALTH,
        "The process answers",
        LIVE,
        Endpoint::Live,
    ),
    get(
        "/version",
        None,
        HEALTH,
        "The version of the program (MLflow)",
        &[ok("The version.", &[(Media::Text, Shape::Text)])],
        Endpoint::Version,
    ),
    Route {
        method: Method::Post,
        path: "/feedback",
        scope: Some(Scope::Feedback),
        tag: FEEDBACK,
        summary: "Say what predictions should have been",
        about: "Analysts' verdicts, by the ids that came with the predictions: the class by its name, or a value of the label column. Each is on disk before the reply. Errors that become more frequent raise alarms of the drift detectors. A verdict said again counts once, another one takes its place.",
        parameters: &[],
        bodies: &[(Media::Json, Shape::FeedbackRequest)],
        body_needed: true,
        replies: &[
            ok(
                "What came of each, and how the champion does.",
                &[(Media::Json, Shape::FeedbackReply)],
            ),
            Reply {
                status: 404,
                about: "None of the predictions is in the log.",
                bodies: &[(Media::Json, Shape::Error)],
            },
            NO_FEEDBACK,
        ],
        endpoint: Endpoint::Feedback,
    },
    get(
        "/feedback",
        Some(Scope::Read),
        FEEDBACK,
        "How the champion does by the verdicts",
        &[
            ok(
                "Counts and detectors.",
                &[(Media::Json, Shape::FeedbackStatus)],
            ),
            NO_FEEDBACK,
        ],
        Endpoint::FeedbackStatus,
    ),
    Route {
        method: Method::Post,
        path: "/train",
        scope: Some(Scope::Train),
        tag: TRAINING,
        summary: "Start a retrain",
        about: "The run goes on in a process of its own; what it makes is put in production by an approval and by nothing else. Needs a token even where the rest is open. Only one run at a time: 409 names the one at work.",
        parameters: &[],
        bodies: &[(Media::Json, Shape::TrainRequest)],
        body_needed: false,
        replies: &[
            Reply {
                status: 202,
                about: "The run is at work.",
                bodies: &[(Media::Json, Shape::TrainReply)],
            },
            Reply {
                status: 409,
                about: "A run is at work already, or there is no configuration to train by.",
                bodies: &[(Media::Json, Shape::Error)],
            },
        ],
        endpoint: Endpoint::Train,
    },
    Route {
        parameters: &[LIMIT],
        ..get(
            "/runs",
            Some(Scope::Read),
            TRAINING,
            "The runs, newest first",
            &[ok("The runs.", &[(Media::Json, Shape::Runs)])],
            Endpoint::Runs,
        )
    },
    Route {
        parameters: &[RUN],
        ..get(
            "/runs/{id}",
            Some(Scope::Read),
            TRAINING,
            "Everything known about a run",
            &[ok("The run.", &[(Media::Json, Shape::Run)]), NOT_FOUND],
            Endpoint::Run,
        )
    },
    get(
        "/metrics",
        Some(Scope::Metrics),
        SERVICE,
        "Counters for Prometheus",
        &[ok(
            "The counters.",
            &[
                (Media::Text, Shape::Text),
                (Media::OpenMetrics, Shape::Text),
            ],
        )],
        Endpoint::Metrics,
    ),
    get(
        "/openapi.json",
        None,
        SERVICE,
        "This description, for programs",
        &[ok(
            "The document; where there are tokens, the columns of the model only with one.",
            &[(Media::Json, Shape::Object)],
        )],
        Endpoint::OpenApi,
    ),
    get(
        "/docs",
        None,
        SERVICE,
        "This description, for people",
        &[ok("The page.", &[(Media::Html, Shape::Text)])],
        Endpoint::Docs,
    ),
    get(
        "/",
        None,
        SERVICE,
        "To the page for people",
        &[Reply {
            status: 307,
            about: "The page is at /docs.",
            bodies: &[],
        }],
        Endpoint::Root,
    ),
];

/// The route of a path as the router knows it and a method.
pub fn find(path: &str, method: &axum::http::Method) -> Option<&'static Route> {
    let method = match *method {
        axum::http::Method::GET | axum::http::Method::HEAD => Method::Get,
        axum::http::Method::POST => Method::Post,
        _ => return None,
    };
    ROUTES.iter().find(|r| r.path == path && r.method == method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_route_stands_twice_and_every_parameter_is_told() {
        for (at, route) in ROUTES.iter().enumerate() {
            let again = ROUTES[at + 1..]
                .iter()
                .any(|r| r.path == route.path && r.method == route.method);
            assert!(!again, "{}", route.path);
            for parameter in route.parameters.iter().filter(|p| p.in_path) {
                assert!(route.path.contains(&format!("{{{}}}", parameter.name)));
            }
            let braces = route.path.matches('{').count();
            let told = route.parameters.iter().filter(|p| p.in_path).count();
            assert_eq!(braces, told, "{}", route.path);
        }
    }

    #[test]
    fn what_changes_something_is_never_a_get() {
        let train = ROUTES
            .iter()
            .find(|r| r.endpoint == Endpoint::Train)
            .unwrap();
        assert_eq!(train.method, Method::Post);
        assert_eq!(train.scope, Some(Scope::Train));
        // Everything that is open to everybody only reads.
        assert!(
            ROUTES
                .iter()
                .filter(|r| r.scope.is_none())
                .all(|r| r.method == Method::Get)
        );
    }
}
