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
        tables::{rules::Checked, value::Value},
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
/// another writer won, so somebody always makes progress. The pause between two grows to a few
/// hundredths of a second.
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

/// A table's state after its mark was to be set.
#[derive(Clone, Debug)]
pub struct Marked {
    /// The state.
    pub state: State,
    /// Its version; `None` if nothing was ever written.
    pub etag: Option<ETag>,
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
            // Of this very state: what leaves it later makes the write below fail.
            let earlier = self.earlier(&state, &request.run_id).await?;
            let decision = rules::open(table, &state, request, earlier.as_ref(), now, id)?;
            if let Some(done) = self.carry_out(decision, state, etag).await? {
                return Ok(done);
            }
            pause(attempt).await;
        }
        Err(busy(self.table).into())
    }

    /// The newest window of a run that has left a state.
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
            if let Some(done) = self.carry_out(decision, state, etag).await? {
                return Ok(done);
            }
            pause(attempt).await;
        }
        Err(busy(self.table).into())
    }

    /// Writes what was decided on a state; `None` if there is another one by now.
    async fn carry_out(
        &self,
        decision: Decision,
        state: State,
        etag: Option<ETag>,
    ) -> Result<Option<Done>, StoreError> {
        let Decision { next, window } = decision;
        let Some(next) = next else {
            return Ok(Some(Done { state, window, is_changed: false }));
        };
        if let Some(last) = state.last.as_ref().filter(|_| next.last != state.last) {
            self.put(last, &Condition::Always).await?;
        }
        let is_written = self.write(&next, etag).await?.is_some();
        Ok(is_written.then_some(Done { state: next, window, is_changed: true }))
    }

    /// Changes the mark by hand.
    ///
    /// # Errors
    /// What `decide` refuses, or the store's failure.
    pub async fn set(
        &self,
        decide: impl Fn(&State, Option<&ETag>) -> Result<State, Error> + Send + Sync,
    ) -> Result<Marked, Error> {
        for attempt in 0..TRIES {
            let (state, etag) = self.state().await?;
            let next = decide(&state, etag.as_ref())?;
            if next == state {
                return Ok(Marked { state, etag, is_changed: false });
            }
            if let Some(etag) = self.write(&next, etag).await? {
                return Ok(Marked { state: next, etag: Some(etag), is_changed: true });
            }
            pause(attempt).await;
        }
        Err(busy(self.table).into())
    }

    /// Sets the mark that somebody else kept. One that is there stays unless it is to be replaced,
    /// also one that a commit sets at this moment.
    ///
    /// # Errors
    /// `Conflict` while a window is open, or the store's failure.
    pub async fn import(
        &self,
        column: &str,
        value: &Value,
        replace: bool,
        now: OffsetDateTime,
    ) -> Result<Marked, Error> {
        self.set(|state, _| match state.mark {
            Some(_) if !replace => Ok(state.clone()),
            _ => rules::set_mark(state, column, Some(value.clone()), now),
        })
        .await
    }

    /// Writes the state over the version that was read and returns its own; `None` if it is another
    /// one by now.
    async fn write(&self, state: &State, etag: Option<ETag>) -> Result<Option<ETag>, StoreError> {
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
        Ok(won(put.await)?.is_some())
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

fn won(put: Result<ETag, StoreError>) -> Result<Option<ETag>, StoreError> {
    match put {
        Ok(etag) => Ok(Some(etag)),
        Err(error) if matches!(error.fault, Fault::Changed | Fault::AlreadyExists) => Ok(None),
        Err(error) => Err(error),
    }
}

fn missing(id: &str) -> Error {
    Error::NotFound(format!("there is no window {id:?} of this table"))
}
