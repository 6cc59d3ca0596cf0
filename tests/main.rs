//! The integration tests: one binary, one module per subject.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;
mod protocol;
mod routing;
mod schemas;
mod stores {
    mod local;
    mod local_database;
    mod local_disk;
    mod local_processes;
}
