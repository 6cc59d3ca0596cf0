//! The integration tests: one binary, one module per subject.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alerts;
mod azure_worker;
mod azurite;
mod cards;
mod cli;
mod conformance;
mod crash;
mod delivery;
mod dev;
mod encryption;
mod fuzzing;
mod keys;
mod metadata;
mod openapi;
mod package;
mod parquet;
mod protocol;
mod routing;
mod schemas;
mod streams;
pub(crate) mod stores {
    mod azure;
    mod azure_access;
    mod azure_blocks;
    mod azure_requests;
    pub(crate) mod cosmos;
    mod cosmos_faults;
    mod cosmos_requests;
    mod cosmos_setup;
    pub(crate) mod local;
    mod local_database;
    mod local_disk;
    mod local_processes;
}
mod worker;
