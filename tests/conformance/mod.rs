//! What every store must do, whichever adapter stands behind the trait.
//!
//! Each check is a function over the trait. An adapter's own test file calls every one of them in
//! a test of its own, so that a failure names the broken rule; a name that a check is given
//! (container, queue, partition) must be new to the store.

pub(crate) mod blobs;
pub(crate) mod blocks;
pub(crate) mod documents;
pub(crate) mod names;
pub(crate) mod queues;
pub(crate) mod streams;

use std::{fmt::Debug, time::Duration};

use lakehand::stores::{Fault, StoreError};

/// How long a check waits for something that must happen.
const DEADLINE: Duration = Duration::from_secs(20);

/// Asserts that an operation failed in exactly this way and says why.
#[track_caller]
pub(crate) fn assert_fault<T: Debug>(result: Result<T, StoreError>, fault: Fault) {
    let error = result.expect_err("the operation must fail");
    assert_eq!(error.fault, fault, "{error}");
    assert!(!error.detail.is_empty(), "{error:?} says too little");
}

/// How many results are good; all others must have failed in the expected way.
#[track_caller]
fn count_winners<T: Debug>(results: Vec<Result<T, StoreError>>, fault: Fault) -> usize {
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    for result in lost {
        assert_fault(result, fault);
    }
    won.len()
}
