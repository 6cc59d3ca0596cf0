//! Marks and windows in the store: the one file that reads and writes them.
//!
//! A table's [`State`] is one document, changed under its version. The window before the last one
//! is written as a document of its own before it leaves the state, so that nothing is lost between
//! the two writes. Backfills are documents of their own from the start.

use std::time::Duration;

use time::OffsetDateTime;

use super::{
    model::{State, Status, Window},
    requests::{Commit, Failure, Request},
    rules::{self, Decision},
};
use crate::{
    error::Error,
    metadata::{
        store::{busy, pause},
        tables::rules::Checked,
    },
    stores::{
        Condition, ETag, Fault, Page, StoreError,
        documents::{self, Collection, Document, Documents, Filter, Key, Order, Query},
    },
};

/// The id of a table's state.
const STATE: &str = "mark";

/// How long a window is kept that has ended.
const KEPT: Duration = Duration::from_secs(90 * 86_400);

/// A change that keeps losing to others is given up after so many tries; each lost one means that
/// another writer won, so somebody always makes progress.
const TRIES: u32 = 64;

/// A table's windows.
#[derive(Clone, Copy, Debug)]
pub struct Windows<'a> {
    /// Where they are kept.
    pub documents: &'a dyn Documents,
    /// The table's id.
    pub table: &'a str,
}

/// A window, and the table's state after what was done.
#[derive(Clone, Debug)]
pub struct Done {
    /// The state.
    pub state: State,
    /// The window.
    pub window: Window,
    /// Whether anything was changed.
    pub is_changed: bool,
}

impl Windows<'_> {
    fn key(&self, id: &str) -> Key {
        Key::new(self.table, id)
    }

    /// The table's state and its version, `None` if nothing was ever opened.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn state(&self) -> Result<(State, Option<ETag>), StoreError> {
        let found: Option<Document<State>> =
            documents::read(self.documents, Collection::Windows, &self.key(STATE)).await?;
        Ok(found.map_or_else(Default::default, |found| (found.body, Some(found.etag))))
    }

    /// Opens a window, or gives the run the one that it has.
    ///
    /// # Errors
    /// As the rules decide, or the store's failure.
    pub async fn open(
        &self,
        table: &Checked,
        request: &Request,
        now: OffsetDateTime,
        id: &str,
    ) -> Result<Done, Error> {
        if rules::is_backfill(request) {
            return self.open_backfill(table, request, now).await;
        }
        for attempt in 0..TRIES {
            let (state, etag) = self.state().await?;
            // Of this very state: what leaves it meanwhile changes it.
            let earlier = self.earlier(&state, &request.run_id).await?;
            let decision = rules::open(table, &state, request, earlier.as_ref(), now, id)?;
            if let Some(done) = self.settle(state, etag, decision).await? {
                return Ok(done);
            }
            pause(attempt).await;
        }
        Err(busy(self.table).into())
    }

    /// The newest window of a run that is not in the state.
    async fn earlier(&self, state: &State, run_id: &str) -> Result<Option<Window>, Error> {
        let mut of_state = [&state.live, &state.last].into_iter().flatten();
        if of_state.any(|window| window.run_id == run_id) {
            return Ok(None);
        }
        let filters = [Filter::Equals("purpose", "live"), Filter::Equals("runId", run_id)];
        let mut token = None;
        loop {
            let page = self.page(&filters, 1, token.as_deref()).await?;
            if let Some(window) = page.items.into_iter().next() {
                return Ok(Some(window));
            }
            token = page.next;
            if token.is_none() {
                return Ok(None);
            }
        }
    }

    /// A page of the windows that have left the state, and of backfills, newest first.
    ///
    /// # Errors
    /// The store's failure, or `Rejected` for a token that is none.
    pub async fn page(
        &self,
        filters: &[Filter<'_>],
        limit: usize,
        token: Option<&str>,
    ) -> Result<Page<Window>, StoreError> {
        let order = Order::Descending;
        let query = Query { partition: self.table, filters, order, limit, token };
        let page = self.documents.list(Collection::Windows, &query).await?;
        let windows = page.items.into_iter().map(|document| Ok(documents::typed(document)?.body));
        Ok(Page { items: windows.collect::<Result<_, StoreError>>()?, next: page.next })
    }

    async fn open_backfill(
        &self,
        table: &Checked,
        request: &Request,
        now: OffsetDateTime,
    ) -> Result<Done, Error> {
        let (state, _) = self.state().await?;
        let window = rules::open_backfill(table, &state, request, now)?;
        for attempt in 0..TRIES {
            let condition = match self.stored(&window.id).await? {
                None => Condition::Absent,
                // Another try.
                Some(found) if found.body.status == Status::Failed => {
                    Condition::Matches(found.etag)
                }
                Some(found) => return Ok(Done { state, window: found.body, is_changed: false }),
            };
            if self.put(&window, &condition).await? {
                return Ok(Done { state, window, is_changed: true });
            }
            pause(attempt).await;
        }
        Err(busy(self.table).into())
    }

    /// Commits a window.
    ///
    /// # Errors
    /// As the rules decide, `NotFound`, or the store's failure.
    pub async fn commit(
        &self,
        id: &str,
        commit: &Commit,
        now: OffsetDateTime,
    ) -> Result<Done, Error> {
        if rules::is_of_backfill(id) {
            return self.end_backfill(id, Ok(commit), now).await;
        }
        let done =
            self.change(|state| rules::commit(state, id, commit, now)?.ok_or_else(|| missing(id)));
        self.or_archived(done.await, id, rules::repeated).await
    }

    /// Ends a window without success.
    ///
    /// # Errors
    /// As the rules decide, `NotFound`, or the store's failure.
    pub async fn fail(
        &self,
        id: &str,
        failure: &Failure,
        now: OffsetDateTime,
    ) -> Result<Done, Error> {
        if rules::is_of_backfill(id) {
            return self.end_backfill(id, Err(failure), now).await;
        }
        let done =
            self.change(|state| rules::fail(state, id, failure, now)?.ok_or_else(|| missing(id)));
        self.or_archived(done.await, id, rules::failed_again).await
    }

    /// Looks for a window that is not in the state among those that have left it.
    async fn or_archived(
        &self,
        done: Result<Done, Error>,
        id: &str,
        decide: impl Fn(&State, &Window) -> Result<Decision, Error>,
    ) -> Result<Done, Error> {
        let Err(Error::NotFound(_)) = done else { return done };
        let window = self.stored(id).await?.ok_or_else(|| missing(id))?.body;
        let (state, _) = self.state().await?;
        let Decision { window, .. } = decide(&state, &window)?;
        Ok(Done { state, window, is_changed: false })
    }

    async fn end_backfill(
        &self,
        id: &str,
        end: Result<&Commit, &Failure>,
        now: OffsetDateTime,
    ) -> Result<Done, Error> {
        let (state, _) = self.state().await?;
        for attempt in 0..TRIES {
            let found = self.stored(id).await?.ok_or_else(|| missing(id))?;
            let Some(window) = rules::end_backfill(&state, &found.body, end, now)? else {
                return Ok(Done { state, window: found.body, is_changed: false });
            };
            if self.put(&window, &Condition::Matches(found.etag)).await? {
                return Ok(Done { state, window, is_changed: true });
            }
            pause(attempt).await;
        }
        Err(busy(self.table).into())
    }

    /// Reads, decides and writes under the version that was read, until nobody comes between.
    async fn change(
        &self,
        decide: impl Fn(&State) -> Result<Decision, Error> + Send + Sync,
    ) -> Result<Done, Error> {
        for attempt in 0..TRIES {
            let (state, etag) = self.state().await?;
            let decision = decide(&state)?;
            if let Some(done) = self.settle(state, etag, decision).await? {
                return Ok(done);
            }
            pause(attempt).await;
        }
        Err(busy(self.table).into())
    }

    /// Writes what was decided over the state that it was decided on; `None` if that is another one
    /// by now.
    async fn settle(
        &self,
        state: State,
        etag: Option<ETag>,
        Decision { next, window }: Decision,
    ) -> Result<Option<Done>, StoreError> {
        let Some(next) = next else {
            return Ok(Some(Done { state, window, is_changed: false }));
        };
        if let Some(last) = state.last.as_ref().filter(|_| next.last != state.last) {
            self.put(last, &Condition::Always).await?;
        }
        let is_written = self.write(&next, etag).await?;
        Ok(is_written.then_some(Done { state: next, window, is_changed: true }))
    }

    /// Changes the mark by hand.
    ///
    /// # Errors
    /// What `decide` refuses, or the store's failure.
    pub async fn set(
        &self,
        decide: impl Fn(&State, Option<&ETag>) -> Result<State, Error> + Send + Sync,
    ) -> Result<(State, Option<ETag>), Error> {
        for attempt in 0..TRIES {
            let (state, etag) = self.state().await?;
            let next = decide(&state, etag.as_ref())?;
            if next == state || self.write(&next, etag).await? {
                return Ok(self.state().await?);
            }
            pause(attempt).await;
        }
        Err(busy(self.table).into())
    }

    /// Writes the state over the version that was read; `false` if it is another one by now.
    async fn write(&self, state: &State, etag: Option<ETag>) -> Result<bool, StoreError> {
        let condition = etag.map_or(Condition::Absent, Condition::Matches);
        let key = self.key(STATE);
        let body = documents::body_of(&key, state)?;
        let put = self.documents.put(Collection::Windows, &key, &body, &condition, None);
        won(put.await)
    }

    async fn put(&self, window: &Window, condition: &Condition) -> Result<bool, StoreError> {
        let key = self.key(&window.id);
        let body = documents::body_of(&key, window)?;
        let put = self.documents.put(Collection::Windows, &key, &body, condition, Some(KEPT));
        won(put.await)
    }

    async fn stored(&self, id: &str) -> Result<Option<Document<Window>>, StoreError> {
        // A table's state is no window of it.
        if id == STATE {
            return Ok(None);
        }
        documents::read(self.documents, Collection::Windows, &self.key(id)).await
    }

    /// A window by its id.
    ///
    /// # Errors
    /// `NotFound`, or the store's failure.
    pub async fn find(&self, id: &str) -> Result<Window, Error> {
        let (state, _) = self.state().await?;
        let of_state = [state.live, state.last].into_iter().flatten().find(|it| it.id == id);
        match of_state {
            Some(window) => Ok(window),
            None => Ok(self.stored(id).await?.ok_or_else(|| missing(id))?.body),
        }
    }
}

fn won(put: Result<ETag, StoreError>) -> Result<bool, StoreError> {
    match put {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.fault, Fault::Changed | Fault::AlreadyExists) => Ok(false),
        Err(error) => Err(error),
    }
}

fn missing(id: &str) -> Error {
    Error::NotFound(format!("there is no window {id:?} of this table"))
}
