//! The integration tests: one binary, one module per subject.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;
mod dev;
mod package;
mod stores {
    mod local;
}
