//! The page at `/docs`: the table of routes for people. Plain HTML without scripts and without
//! anything loaded from elsewhere.

use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

use super::handlers::Access;
use super::reply::escape;
use super::routes::{Method, ROUTES, Route};
use super::served::ServedModel;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1f24;background:#fff}\
code,pre{font:14px/1.4 ui-monospace,monospace;background:#f2f4f6;border-radius:4px}code{padding:.1rem .3rem}pre{padding:.7rem;overflow-x:auto}\
h2{margin-top:2.2rem;border-bottom:1px solid #d5dae0;text-transform:capitalize}details{border:1px solid #d5dae0;border-radius:6px;margin:.5rem 0;padding:.4rem .8rem}\
summary{cursor:pointer}.verb{display:inline-block;width:3.4rem;font-weight:600;color:#0b5cad}.post{color:#1b7a3d}.scope{float:right;color:#5b6570}\
table{border-collapse:collapse;font-size:14px}th,td{border:1px solid #d5dae0;padding:.25rem .5rem;text-align:left}.wide{overflow-x:auto}.wrong{color:#a4161a}\
@media(prefers-color-scheme:dark){body{color:#dfe4e8;background:#14181c}code,pre{background:#20262c}h2,details,th,td{border-color:#343c44}.verb{color:#6cb0f5}.post{color:#6fce91}.wrong{color:#ff8a8a}}";

/// The beginning of a page, up to its body.
pub fn head(title: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title><meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\n",
        escape(title)
    )
}

/// A page as a reply; it may load nothing and post its form to this service only.
pub fn page(text: String) -> Response {
    let mut response = Html(text).into_response();
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    );
    response
}

/// The page.
pub fn docs(model: Option<&ServedModel>, access: Access) -> Response {
    let mut text = head("netsec scoring service");
    text.push_str("<h1>netsec scoring service</h1>\n");
    match model {
        Some(model) => text.push_str(&format!(
            "<p>In use: <b>{}</b> of model <code>{}</code>, a {} of run <code>{}</code>, file <code>{}</code>.</p>\n",
            escape(&model.version),
            escape(&model.name),
            escape(&model.learner),
            escape(&model.run_id),
            escape(&model.sha256)
        )),
        None if access == Access::Stranger => text.push_str(
            "<p>Which model is in use and what it reads is told with a token.</p>\n",
        ),
        None => text.push_str("<p class=\"wrong\">No model is in production yet.</p>\n"),
    }
    text.push_str(if access != Access::Open {
        "<p>Routes with a scope need <code>Authorization: Bearer TOKEN</code>.</p>\n"
    } else {
        "<p>No tokens are set: everything but training is open, on this machine only.</p>\n\
         <form method=\"post\" action=\"/predict\" enctype=\"multipart/form-data\"><p><label>Score a CSV file: <input type=\"file\" name=\"file\" required></label> <button>Score</button></p></form>\n"
    });
    text.push_str(
        "<p>For programs: <a href=\"/openapi.json\">openapi.json</a> (OpenAPI 3.1).</p>\n",
    );
    let mut tag = "";
    let mut tags: Vec<&str> = Vec::new();
    for route in ROUTES {
        if !tags.contains(&route.tag) {
            tags.push(route.tag);
        }
    }
    for current in tags {
        for route in ROUTES.iter().filter(|r| r.tag == current) {
            if tag != current {
                tag = current;
                text.push_str(&format!("<h2>{}</h2>\n", escape(tag)));
            }
            text.push_str(&section(route));
        }
    }
    if let Some(model) = model {
        text.push_str(&columns(model));
    }
    text.push_str("</body></html>\n");
    page(text)
}

fn section(route: &Route) -> String {
    let (verb, class) = match route.method {
        Method::Get => ("GET", "verb"),
        Method::Post => ("POST", "verb post"),
    };
    let mut text = format!(
        "<details><summary><span class=\"{class}\">{verb}</span><code>{}</code> {}",
        escape(route.path),
        escape(route.summary)
    );
    if let Some(scope) = route.scope {
        text.push_str(&format!("<span class=\"scope\">{}</span>", scope.as_str()));
    }
    text.push_str("</summary>\n");
    if !route.about.is_empty() {
        text.push_str(&format!("<p>{}</p>\n", escape(route.about)));
    }
    if !route.parameters.is_empty() {
        text.push_str("<ul>");
        for p in route.parameters {
            text.push_str(&format!(
                "<li><code>{}</code>: {}</li>",
                p.name,
                escape(p.about)
            ));
        }
        text.push_str("</ul>\n");
    }
    if !route.bodies.is_empty() {
        let media: Vec<String> = route
            .bodies
            .iter()
            .map(|(media, _)| format!("<code>{}</code>", media.as_str()))
            .collect();
        text.push_str(&format!("<p>Takes {}.</p>\n", media.join(", ")));
    }
    text.push_str("<ul>");
    for reply in super::openapi::replies(route) {
        text.push_str(&format!(
            "<li><b>{}</b> {}</li>",
            reply.status,
            escape(reply.about)
        ));
    }
    text.push_str("</ul></details>\n");
    text
}

fn columns(model: &ServedModel) -> String {
    let mut text = String::from(
        "<h2>Columns of the model</h2>\n<div class=\"wide\"><table><thead><tr><th>column</th><th>kind</th><th>range seen as usual</th></tr></thead><tbody>\n",
    );
    for column in model.layout().columns() {
        let range = match (column.spec.min, column.spec.max) {
            (None, None) => String::new(),
            (min, max) => format!(
                "{} to {}",
                min.map_or("-".to_owned(), |v| v.to_string()),
                max.map_or("-".to_owned(), |v| v.to_string())
            ),
        };
        text.push_str(&format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            escape(&column.spec.name),
            super::openapi::kind(column.spec.kind),
            escape(&range)
        ));
    }
    text.push_str("</tbody></table></div>\n");
    text
}
