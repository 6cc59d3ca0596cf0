//! The blobs waiting to be delivered: offered by the scan and by the watcher, each at most once
//! at a time.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{Stream, stream};
use tokio::sync::mpsc;

use crate::stores::blobs::BlobPath;

/// How many blobs wait at most; the scan waits with the rest.
const WAITING: usize = 1024;

/// Where blobs are offered and ticked off.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    sender: mpsc::Sender<BlobPath>,
    pending: Arc<Mutex<HashSet<BlobPath>>>,
}

impl Arrivals {
    /// A line of waiting blobs and its other end.
    pub(super) fn new() -> (Self, impl Stream<Item = BlobPath> + Send + Unpin) {
        let (sender, mut receiver) = mpsc::channel(WAITING);
        let line = stream::poll_fn(move |context| receiver.poll_recv(context));
        (Self { sender, pending: Arc::default() }, line)
    }

    /// Offers a blob, and waits for a place in the line if need be.
    pub(super) async fn offer(&self, path: BlobPath) {
        if self.pending().insert(path.clone()) && self.sender.send(path.clone()).await.is_err() {
            self.finished(&path);
        }
    }

    /// Offers a blob unless the line is full; the scan will find it again.
    pub(super) fn offer_now(&self, path: BlobPath) {
        if self.pending().insert(path.clone()) && self.sender.try_send(path.clone()).is_err() {
            self.finished(&path);
        }
    }

    /// Ticks a blob off: it may be offered again.
    pub(super) fn finished(&self, path: &BlobPath) {
        self.pending().remove(path);
    }

    fn pending(&self) -> MutexGuard<'_, HashSet<BlobPath>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use futures::{FutureExt, StreamExt};

    use super::*;

    fn blob(name: &str) -> BlobPath {
        BlobPath::new("landing", name).unwrap()
    }

    #[tokio::test]
    async fn a_blob_waits_once_until_it_is_ticked_off() {
        let (arrivals, mut line) = Arrivals::new();
        arrivals.offer(blob("a")).await;
        arrivals.offer_now(blob("a"));
        assert_eq!(line.next().now_or_never(), Some(Some(blob("a"))));
        arrivals.offer_now(blob("a"));
        assert_eq!(line.next().now_or_never(), None);
        arrivals.finished(&blob("a"));
        arrivals.offer_now(blob("a"));
        assert_eq!(line.next().now_or_never(), Some(Some(blob("a"))));
    }

    #[tokio::test]
    async fn a_full_line_refuses_and_forgets() {
        let (arrivals, mut line) = Arrivals::new();
        for number in 0..WAITING {
            arrivals.offer_now(blob(&number.to_string()));
        }
        arrivals.offer_now(blob("late"));
        line.next().await;
        arrivals.offer_now(blob("late"));
        let waiting: Vec<BlobPath> = line.take(WAITING).collect().await;
        assert_eq!(waiting.last(), Some(&blob("late")));
    }
}
