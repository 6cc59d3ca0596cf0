//! The wish to end, told once to everything that runs.

use tokio::sync::watch;

/// The side that decides; dropping it stops everything too.
#[derive(Debug)]
pub(super) struct Stopper(watch::Sender<bool>);

/// The side that ends.
#[derive(Clone, Debug)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stopper {
    /// A wish not yet uttered, and an ear for it.
    pub(super) fn new() -> (Self, Stop) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Stop(receiver))
    }

    /// Tells everything to end.
    pub(super) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Returns when it is time to end, at once if that time has come.
    pub(super) async fn asked(&self) {
        // An error means that the stopper is gone, which is the same wish.
        let _ = self.0.clone().wait_for(|stop| *stop).await;
    }

    /// Whether it is time to end.
    pub(super) fn is_asked(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Does `work` until it is done or it is time to end.
    pub(super) async fn or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            () = self.asked() => None,
            done = work => Some(done),
        }
    }
}
