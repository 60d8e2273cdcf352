//! What kind of server it is, and how much a collection holds.

use mongodb::bson::{Bson, Document, doc};

use super::{MongoError, MongoServer, Namespace};

/// How the servers behind an address belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deployment {
    /// One server that is no member of anything.
    Single,
    /// A replica set and its name.
    ReplicaSet(String),
    /// A sharded cluster.
    Sharded,
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFacts {
    /// Its version.
    pub version: String,
    /// What it belongs to.
    pub deployment: Deployment,
}

impl MongoServer {
    /// Asks the server what it is. Any user may.
    pub async fn facts(&self) -> Result<ServerFacts, MongoError> {
        let admin = self.client().database("admin");
        let ask = async |command: Document| {
            admin
                .run_command(command)
                .await
                .map_err(|e| self.error("connecting", &e))
        };
        let build = ask(doc! { "buildInfo": 1 }).await?;
        let hello = ask(doc! { "hello": 1 }).await?;
        Ok(ServerFacts {
            version: crate::text::clean_to(build.get_str("version").unwrap_or("?"), 40),
            deployment: deployment(&hello),
        })
    }

    /// Documents in a collection, by the server's bookkeeping: quick, and exact unless it crashed
    /// lately. Zero for a collection that is not there.
    pub async fn documents(&self, namespace: &Namespace) -> Result<u64, MongoError> {
        self.collection::<Document>(namespace)
            .estimated_document_count()
            .await
            .map_err(|e| self.error(format!("counting {namespace}"), &e))
    }
}

fn deployment(hello: &Document) -> Deployment {
    match (hello.get("setName"), hello.get("msg")) {
        (Some(Bson::String(name)), _) => Deployment::ReplicaSet(crate::text::clean_to(name, 100)),
        (_, Some(Bson::String(msg))) if msg == "isdbgrid" => Deployment::Sharded,
        _ => Deployment::Single,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deployments() {
        assert_eq!(deployment(&doc! { "ok": 1 }), Deployment::Single);
        assert_eq!(deployment(&doc! { "msg": "isdbgrid" }), Deployment::Sharded);
        assert_eq!(
            deployment(&doc! { "setName": "rs0" }),
            Deployment::ReplicaSet("rs0".to_owned())
        );
    }
}
