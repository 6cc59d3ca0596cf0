//! The one connection of a process that changes the embedded store, on a thread of its own.
//!
//! A change is durable when its transaction is flushed to the disk, and a flush takes far longer
//! than a change. So the changes that arrive during one flush share the next transaction, each in a
//! savepoint of its own: one that is refused leaves the others as they are.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::Duration,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use time::OffsetDateTime;
use tokio::{sync::oneshot, time::timeout};
use tracing::Span;

use super::{
    database::Clock,
    failure::{Failure, on},
};
use crate::stores::Fault;

/// So many changes share a transaction at most; other processes want their turn too.
const MOST: usize = 64;

/// The way to the thread; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Writer(Sender<Box<dyn Change>>);

/// A change that waits for its turn, whatever its result is.
trait Change: Send {
    /// Does it, in a savepoint of its own.
    fn run(&mut self, transaction: &mut Transaction<'_>, now: OffsetDateTime);

    /// Tells whoever waits, once it is known whether the transaction lasts.
    fn settle(self: Box<Self>, committed: Result<(), Failure>);
}

struct Job<T, W> {
    work: Option<W>,
    span: Span,
    result: Option<Result<T, Failure>>,
    reply: oneshot::Sender<Result<T, Failure>>,
}

impl<T, W> Change for Job<T, W>
where
    T: Send,
    W: FnOnce(&Connection, OffsetDateTime) -> Result<T, Failure> + Send,
{
    fn run(&mut self, transaction: &mut Transaction<'_>, now: OffsetDateTime) {
        let Some(work) = self.work.take() else { return };
        let apart = |transaction: &mut Transaction<'_>| {
            let savepoint = transaction.savepoint()?;
            let value = work(&savepoint, now)?;
            savepoint.commit()?;
            Ok(value)
        };
        self.result = Some(self.span.in_scope(|| apart(transaction)));
    }

    fn settle(self: Box<Self>, committed: Result<(), Failure>) {
        let Self { result, reply, .. } = *self;
        let panicked = || Err(Failure::new(Fault::Unavailable, "the change broke off"));
        // Whoever waited too long is gone; it repeats the change, and expects to find it done.
        drop(reply.send(committed.and_then(|()| result.unwrap_or_else(panicked))));
    }
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(connection: Connection, clock: Clock) -> Result<Self, Failure> {
        let (sender, changes) = mpsc::channel();
        thread::Builder::new()
            .name("lakehand.db".to_owned())
            .spawn(move || serve(connection, &changes, &clock))
            .map_err(on("a thread that writes lakehand.db".as_ref()))?;
        Ok(Self(sender))
    }

    /// Has a change made. When the deadline passes, the caller goes on with an error while the
    /// change may still be made.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, OffsetDateTime) -> Result<T, Failure> + Send + 'static,
        deadline: Duration,
    ) -> Result<T, Failure> {
        let (reply, answer) = oneshot::channel();
        let job = Job { work: Some(work), span: Span::current(), result: None, reply };
        let ended = || Failure::new(Fault::Unavailable, "the thread that writes has ended");
        self.0.send(Box::new(job)).map_err(|_| ended())?;
        match timeout(deadline, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(ended()),
            Err(_) => Err(Failure::new(
                Fault::Unavailable,
                format!("the disk did not answer within {} s", deadline.as_secs()),
            )),
        }
    }
}

fn serve(mut connection: Connection, changes: &Receiver<Box<dyn Change>>, clock: &Clock) {
    while let Ok(first) = changes.recv() {
        let mut batch = vec![first];
        let committed = commit(&mut connection, changes, &mut batch, clock);
        for change in batch {
            change.settle(committed.clone());
        }
    }
}

/// Makes the first change of a batch, and all that have arrived meanwhile.
fn commit(
    connection: &mut Connection,
    changes: &Receiver<Box<dyn Change>>,
    batch: &mut Vec<Box<dyn Change>>,
    clock: &Clock,
) -> Result<(), Failure> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut next = 0;
    while let Some(change) = batch.get_mut(next) {
        run(&mut **change, &mut transaction, clock());
        if transaction.is_autocommit() {
            let detail = "a change beside it broke the transaction off; try again";
            return Err(Failure::new(Fault::Unavailable, detail));
        }
        next += 1;
        if next < MOST {
            batch.extend(changes.try_recv());
        }
    }
    Ok(transaction.commit()?)
}

/// A change that panics is none; its savepoint is undone on the way, and the hook has logged it.
fn run(change: &mut dyn Change, transaction: &mut Transaction<'_>, now: OffsetDateTime) {
    let run = AssertUnwindSafe(|| change.run(transaction, now));
    let _: Result<(), Box<dyn Any + Send>> = catch_unwind(run);
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::Arc;

    use futures::future::join_all;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE numbers (n INTEGER)").unwrap();
        Writer::start(connection, Arc::new(OffsetDateTime::now_utc)).unwrap()
    }

    async fn add(writer: &Writer, number: i64, then: fn(&Connection)) -> Result<(), Failure> {
        let work = move |connection: &Connection, _| {
            connection.execute("INSERT INTO numbers VALUES (?)", [number])?;
            then(connection);
            let odd = number % 2 == 1;
            if odd { Err(Failure::new(Fault::Changed, "odd")) } else { Ok(()) }
        };
        writer.change(work, PATIENCE).await
    }

    async fn numbers(writer: &Writer) -> Vec<i64> {
        let work = |connection: &Connection, _| {
            let mut statement = connection.prepare("SELECT n FROM numbers ORDER BY n")?;
            Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        };
        writer.change(work, PATIENCE).await.unwrap()
    }

    #[tokio::test]
    async fn a_refused_change_leaves_those_beside_it() {
        let writer = writer();
        let results = join_all((0..200).map(|number| add(&writer, number, |_| ()))).await;
        for (number, result) in results.iter().enumerate() {
            assert_eq!(result.is_ok(), number % 2 == 0, "{number}: {result:?}");
        }
        assert_eq!(numbers(&writer).await, (0..200).step_by(2).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_change_that_panics_is_none_and_the_next_one_is_made() {
        let writer = writer();
        let broken = add(&writer, 2, |_| panic!("a defect")).await.unwrap_err();
        assert_eq!(broken.fault, Fault::Unavailable);
        add(&writer, 4, |_| ()).await.unwrap();
        assert_eq!(numbers(&writer).await, [4]);
    }

    #[tokio::test]
    async fn a_transaction_that_breaks_off_fails_all_changes_in_it() {
        let writer = writer();
        let breaks = |connection: &Connection| connection.execute_batch("ROLLBACK").unwrap();
        let (beside, broken) = futures::join!(add(&writer, 2, |_| ()), add(&writer, 4, breaks));
        assert_eq!(broken.unwrap_err().fault, Fault::Unavailable);
        let expected: &[i64] = if beside.is_ok() { &[2] } else { &[] };
        assert_eq!(numbers(&writer).await, expected);
    }
}
