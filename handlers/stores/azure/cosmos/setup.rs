//! Making the database and its containers.

use std::{collections::HashSet, fmt};

use azure_core::http::headers::{HeaderName, HeaderValue};
use azure_data_cosmos::{
    clients::DatabaseClient,
    models::{ContainerProperties, IndexingPolicy, PropertyPath, TimeToLive},
    options::{CreateDatabaseOptions, OperationOptionsBuilder},
};

use super::{
    account::Account,
    error::{Attempt, is_taken},
};
use crate::stores::{StoreError, documents::Collection};

/// The member of an item that says which partition it is in.
const PARTITION: &str = "/partition";

/// What the containers of a new database may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Throughput {
    /// What each request takes; a serverless account, or an emulator.
    Serverless,
    /// So many request units a second, which all containers share.
    Shared(u32),
    /// Not said: good if the database is there.
    Unknown,
}

/// What was made or found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The database or the container.
    pub subject: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a database or a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was not there.
    Made,
    /// It was there as it should be.
    Found,
    /// It was there and has a new expiry or index.
    Updated,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::Made => "made",
            Outcome::Found => "found as it should be",
            Outcome::Updated => "found, and brought up to date",
        };
        write!(f, "{}: {outcome}", self.subject)
    }
}

/// Makes what is not there yet; to be repeated after every update of lakehand.
///
/// # Errors
/// `Denied` if the credential may not, `Rejected` if the database is not there and the throughput
/// is not said, or if a container is partitioned in another way.
pub(super) async fn set_up(
    account: &Account,
    throughput: Throughput,
) -> Result<Vec<Step>, StoreError> {
    let mut steps = vec![make_database(account, throughput).await?];
    for collection in Collection::ALL {
        steps.push(make_container(account, collection).await?);
    }
    Ok(steps)
}

async fn make_database(account: &Account, throughput: Throughput) -> Result<Step, StoreError> {
    let attempt = Attempt::new("make", account.name());
    let work = async {
        let step = |outcome| Step { subject: format!("database {}", account.database()), outcome };
        let client = account.client(&attempt).await?;
        let database = client.database_client(account.database());
        match database.read(None).await {
            Ok(_) => return Ok(step(Outcome::Found)),
            Err(error) if error.status().is_not_found() => {}
            Err(error) => return Err(attempt.failed(&error)),
        }
        let options = with_throughput(&attempt, throughput)?;
        match client.create_database(account.database(), Some(options)).await {
            Ok(_) => {}
            Err(error) if is_taken(&error) => return Ok(step(Outcome::Found)),
            Err(error) => return Err(attempt.may_not_make(&error)),
        }
        check_throughput(&attempt, &database, throughput).await?;
        Ok(step(Outcome::Made))
    };
    attempt.run(work).await
}

/// The client has no option for it, only the header of the protocol.
fn with_throughput(
    attempt: &Attempt,
    throughput: Throughput,
) -> Result<CreateDatabaseOptions, StoreError> {
    let options = CreateDatabaseOptions::default();
    match throughput {
        Throughput::Serverless => Ok(options),
        Throughput::Shared(units) => {
            let header = HeaderName::from_static("x-ms-offer-throughput");
            let headers = [(header, HeaderValue::from(units.to_string()))].into();
            let operation = OperationOptionsBuilder::new().with_custom_headers(headers).build();
            Ok(options.with_operation_options(operation))
        }
        Throughput::Unknown => Err(attempt.rejected(
            "it is not there; say --throughput 400 for request units that its containers share, or --serverless on a serverless account or an emulator",
        )),
    }
}

/// Without it, each container would be given, and be billed for, a throughput of its own.
async fn check_throughput(
    attempt: &Attempt,
    database: &DatabaseClient,
    throughput: Throughput,
) -> Result<(), StoreError> {
    let Throughput::Shared(units) = throughput else { return Ok(()) };
    let given = database.read_throughput(None).await.map_err(|error| attempt.failed(&error))?;
    match given.and_then(|given| given.throughput()) {
        Some(_) => Ok(()),
        None => Err(attempt.rejected(format!(
            "it was made without the throughput of {units}; delete it, and make it with `az cosmosdb sql database create --throughput {units}`"
        ))),
    }
}

async fn make_container(account: &Account, collection: Collection) -> Result<Step, StoreError> {
    let attempt = Attempt::new("make", format!("the container {}", collection.name()));
    let work = async {
        let step = |outcome| Step { subject: format!("container {}", collection.name()), outcome };
        let client = account.client(&attempt).await?;
        let database = client.database_client(account.database());
        let wanted = ContainerProperties::new(collection.name(), PARTITION.into())
            .with_default_ttl(TimeToLive::NoDefault)
            .with_indexing_policy(index(collection));
        match database.create_container(wanted, None).await {
            Ok(_) => Ok(step(Outcome::Made)),
            Err(error) if is_taken(&error) => {
                update(&attempt, &database, collection).await.map(step)
            }
            Err(error) => Err(attempt.may_not_make(&error)),
        }
    };
    attempt.run(work).await
}

/// Gives a container that is there the expiry and the index that it needs.
async fn update(
    attempt: &Attempt,
    database: &DatabaseClient,
    collection: Collection,
) -> Result<Outcome, StoreError> {
    let failed = |error| attempt.failed(&error);
    let container = database.container_client(collection.name(), None).await.map_err(failed)?;
    let found = container.read(None).await.map_err(failed)?.into_model().map_err(failed)?;
    if found.partition_key != PARTITION.into() {
        return Err(attempt.rejected(format!(
            "it is there and is not partitioned by {PARTITION}; delete it, or name another database in LAKEHAND_COSMOS_DATABASE"
        )));
    }
    let indexed = found.indexing_policy.as_ref().is_some_and(|policy| covers(policy, collection));
    if indexed && found.default_ttl == TimeToLive::NoDefault {
        return Ok(Outcome::Found);
    }
    let wanted =
        found.with_default_ttl(TimeToLive::NoDefault).with_indexing_policy(index(collection));
    match container.replace(wanted, None).await {
        Ok(_) => Ok(Outcome::Updated),
        Err(error) => Err(attempt.may_not_make(&error)),
    }
}

/// What queries ask for, and nothing else: every path costs each write.
fn paths(collection: Collection) -> impl Iterator<Item = String> {
    let members = collection.filtered_by().iter().map(|member| format!("/body/{member}/?"));
    [format!("{PARTITION}/?"), "/raw/?".to_owned()].into_iter().chain(members)
}

fn index(collection: Collection) -> IndexingPolicy {
    let everything_else = PropertyPath::default().with_path("/*");
    paths(collection)
        .fold(IndexingPolicy::default().with_excluded_path(everything_else), |policy, path| {
            policy.with_included_path(PropertyPath::default().with_path(path))
        })
}

/// Whether an index has every path of ours; more does no harm but cost.
fn covers(policy: &IndexingPolicy, collection: Collection) -> bool {
    let there: HashSet<&str> = policy.included_paths.iter().map(|it| it.path.as_str()).collect();
    there.contains("/*") || paths(collection).all(|path| there.contains(path.as_str()))
}
