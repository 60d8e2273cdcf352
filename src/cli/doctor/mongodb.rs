//! Checks of the MongoDB source: reachable, allowed, what it is, and how much there is to read.

use super::Finding;
use crate::config::SourceConfig;
use crate::error::CommandError;
use crate::runtime::block_on;
use crate::source::mongodb::{Deployment, MongoServer, Namespace, ServerFacts};
use crate::text::count;

/// Runs the checks.
pub(super) fn check(source: &SourceConfig) -> Vec<Finding> {
    let server = match block_on(MongoServer::from_env()) {
        Ok(Ok(server)) => server,
        Ok(Err(e)) => return vec![Finding::fail("mongodb", &e.into())],
        Err(e) => return vec![Finding::fail("mongodb", &e)],
    };
    let facts = block_on(async {
        server.ping().await?;
        server.facts().await
    });
    let mut findings = Vec::new();
    match facts {
        Ok(Ok(facts)) => findings.push(reached(server.shown(), &facts)),
        Ok(Err(e)) => return vec![Finding::fail("mongodb", &e.into())],
        Err(e) => return vec![Finding::fail("mongodb", &e)],
    }
    let named = |collection: &Option<String>| {
        let database = source.database.clone().unwrap_or_default();
        Namespace::new(database, collection.clone().unwrap_or_default())
    };
    findings.push(collection("data", &server, named(&source.collection)));
    if source.test_collection.is_some() {
        findings.push(collection(
            "test data",
            &server,
            named(&source.test_collection),
        ));
    }
    findings
}

fn reached(shown: &str, facts: &ServerFacts) -> Finding {
    let version = &facts.version;
    match &facts.deployment {
        Deployment::ReplicaSet(name) => Finding::ok(
            "mongodb",
            format!("{shown} answers: MongoDB {version}, replica set {name}"),
        ),
        Deployment::Sharded => Finding::ok(
            "mongodb",
            format!("{shown} answers: MongoDB {version}, a sharded cluster"),
        ),
        Deployment::Single => Finding::warn(
            "mongodb",
            format!(
                "{shown} answers: MongoDB {version}, no replica set: what is read while others \
                 write is not of one moment"
            ),
            "Start mongod with --replSet and run `rs.initiate()`; one member is enough.",
        ),
    }
}

fn collection(
    check: &'static str,
    server: &MongoServer,
    namespace: Result<Namespace, crate::source::mongodb::BadName>,
) -> Finding {
    let namespace = match namespace {
        Ok(namespace) => namespace,
        Err(e) => {
            return Finding::fail(
                check,
                &CommandError::config(format!("[source] database and collection: {e}"))
                    .hint("`netsec init --mongodb DATABASE.COLLECTION` writes both."),
            );
        }
    };
    let counted = block_on(async {
        server.require_collection(&namespace).await?;
        server.documents(&namespace).await
    });
    match counted {
        Ok(Ok(0)) => Finding::fail(
            check,
            &CommandError::data(format!("{namespace} has no documents"))
                .hint("`netsec import FILE` fills it."),
        ),
        Ok(Ok(documents)) => Finding::ok(
            check,
            format!("{namespace}, {} documents", count(documents)),
        ),
        Ok(Err(e)) => Finding::fail(check, &e.into()),
        Err(e) => Finding::fail(check, &e),
    }
}
