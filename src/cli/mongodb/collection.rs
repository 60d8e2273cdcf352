//! Looking at a collection: for `netsec init`.

use crate::config::ArrayPolicy;
use crate::dataset::RawTable;
use crate::error::CommandError;
use crate::learners::FitControl;
use crate::runtime::block_on;
use crate::schema::Schema;
use crate::source::Ingested;
use crate::source::mongodb::{
    MongoServer, Namespace, Query, Snapshot, Watching, load_collection, read_raw_collection,
};
use crate::text::count;

/// A collection of the server that the environment names.
pub(in crate::cli) struct Collection {
    server: MongoServer,
    /// Its name.
    pub namespace: Namespace,
    /// Documents in it.
    pub documents: u64,
}

impl Collection {
    /// Finds it; one that is not there is an error that names the nearest.
    pub fn find(namespace: Namespace) -> Result<Self, CommandError> {
        let server = block_on(MongoServer::from_env())??;
        let documents = block_on(async {
            server.require_collection(&namespace).await?;
            server.documents(&namespace).await
        })??;
        Ok(Self {
            server,
            namespace,
            documents,
        })
    }

    /// For people: name, server, documents.
    pub fn summary(&self) -> String {
        format!(
            "mongodb:{} on {} ({} documents)",
            self.namespace,
            self.server.shown(),
            count(self.documents)
        )
    }

    /// Its documents as a table, at most so many; after a schema, or with the types they have.
    pub fn load(
        &self,
        schema: Option<&Schema>,
        arrays: ArrayPolicy,
        limit: Option<u64>,
    ) -> Result<Ingested, CommandError> {
        let control = FitControl::new();
        let watching = Watching {
            progress: &|_, _| {},
            notice: &|notice| crate::cli::output::note!("{}", crate::text::clean(&notice)),
            control: &control,
        };
        let query = self.query(arrays, limit);
        Ok(load_collection(&self.server, &query, schema, &watching)?)
    }

    /// Its documents as texts, at most so many.
    pub fn sample(&self, arrays: ArrayPolicy, limit: u64) -> Result<RawTable, CommandError> {
        let control = FitControl::new();
        let query = self.query(arrays, Some(limit));
        let snapshot = Snapshot::take(&self.server, &query, &control)?;
        Ok(read_raw_collection(
            &self.server,
            &query,
            &snapshot,
            &control,
        )?)
    }

    fn query(&self, arrays: ArrayPolicy, limit: Option<u64>) -> Query {
        Query {
            arrays,
            limit,
            ..Query::whole(self.namespace.clone())
        }
    }
}
