//! Named places in the order of effects at which a test build can be told to die.
//!
//! `LAKEHAND_CRASH_AT=copied` makes a debug build end with SIGKILL's exit at that step, as if the
//! host had killed it; in a release build the calls are empty.

/// Dies here if the environment of a debug build says so.
#[cfg(debug_assertions)]
pub(crate) fn point(step: &str) {
    if std::env::var("LAKEHAND_CRASH_AT").is_ok_and(|wanted| wanted == step) {
        let _ = std::process::Command::new("kill")
            .args(["-9", &std::process::id().to_string()])
            .status();
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub(crate) fn point(_step: &str) {}
