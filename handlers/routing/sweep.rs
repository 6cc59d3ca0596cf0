//! The sweep: finishes what is pending, and picks up what the triggers missed or gave up.
//!
//! The host retries a failed invocation at once, five times, and then drops it into a poison
//! queue; events get lost, come late, or never exist. The sweep lists the landing containers every
//! minute, so that delivery is only a matter of time.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};

use super::{
    Routing, Source,
    arrival::{arrive, has_rested, is_folder, receive},
    events::{self, Event},
    mark,
    outcome::{Line, Outcome},
    route::choose,
};
use crate::stores::{
    Condition, Fault, StoreError,
    documents::{Collection, Key, body_of},
    optional,
    queues::{Message, Queues},
};

/// The queue in which the host puts blobs whose invocation failed five times.
pub const BLOB_POISON: &str = "webjobs-blobtrigger-poison";

/// What a sweep did.
#[derive(Debug, Default)]
pub struct Swept {
    /// A line for each blob that it did something about.
    pub lines: Vec<Line>,
    /// A line for each blob that failed this time.
    pub failures: Vec<StoreError>,
}

/// Sweeps the poison queues and every landing container until the deadline; the next sweep goes on
/// where this one stops.
/// A container or a queue that fails does not keep the others waiting.
pub async fn sweep(routing: &Routing<'_>, queues: &dyn Queues, event_queue: &str) -> Swept {
    let mut swept = Swept::default();
    let poison = format!("{event_queue}-poison");
    for queue in [BLOB_POISON, poison.as_str()] {
        if let Err(error) = drain_poison(routing, queues, queue, &mut swept).await {
            swept.failures.push(error);
        }
    }
    let containers = &routing.active.config.landing.containers;
    for (container, left) in containers.iter().zip((1..=containers.len()).rev()) {
        let deadline = share(Instant::now(), routing.deadline, left);
        let share = Routing { deadline, ..*routing };
        if let Err(error) = sweep_container(&share, container, &mut swept).await {
            swept.failures.push(error);
        }
    }
    if let Err(error) = routing.ledger.documents.purge(1_000).await {
        swept.failures.push(error);
    }
    swept
}

/// An equal part of the time that is left: a container that never empties must not starve the rest.
fn share(now: Instant, deadline: Instant, parts: usize) -> Instant {
    let parts = u32::try_from(parts).unwrap_or(u32::MAX);
    now + deadline.saturating_duration_since(now) / parts
}

async fn sweep_container(
    routing: &Routing<'_>,
    container: &str,
    swept: &mut Swept,
) -> Result<(), StoreError> {
    let cursor = Key::new("sweep", container);
    let mut token = read_cursor(routing, &cursor).await?;
    let resumed = token.is_some();
    while Instant::now() < routing.deadline {
        let page = match routing.blobs.list(container, "", token.as_deref()).await {
            Ok(page) => page,
            Err(error) if error.fault == Fault::NotFound => return Ok(()),
            Err(error) if error.fault == Fault::Rejected && resumed => {
                return write_cursor(routing, &cursor, None).await;
            }
            Err(error) => return Err(error),
        };
        let sources = page
            .items
            .into_iter()
            .map(|listed| Source { path: listed.path, properties: listed.properties });
        sweep_page(routing, sources.filter(|source| is_due(routing, source)), swept).await;
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    if resumed || token.is_some() {
        write_cursor(routing, &cursor, token).await?;
    }
    Ok(())
}

/// Whether the sweep has anything to do about a blob, decided without asking any store.
fn is_due(routing: &Routing<'_>, source: &Source) -> bool {
    let Source { path, properties } = source;
    let chosen = choose(&routing.active.config.routes, path, properties);
    let waits = chosen.is_some_and(|(route, _)| route.complete.is_some() && !route.is_marker(path));
    !waits
        && !is_folder(source)
        && !mark::is_ours(&properties.metadata, path)
        && has_rested(routing, source)
}

async fn sweep_page(
    routing: &Routing<'_>,
    sources: impl Iterator<Item = Source>,
    swept: &mut Swept,
) {
    let mut results = stream::iter(sources)
        .take_while(|_| std::future::ready(Instant::now() < routing.deadline))
        .map(async |source| {
            let started = Instant::now();
            let outcome = receive(routing, &source).await;
            outcome.map(|outcome| Line { path: source.path, outcome, elapsed: started.elapsed() })
        })
        .buffer_unordered(routing.active.config.landing.parallel);
    while let Some(result) = results.next().await {
        match result {
            Ok(line) if is_news(&line.outcome) => swept.lines.push(line),
            Ok(_) => {}
            Err(error) => swept.failures.push(error),
        }
    }
}

/// A blob that still waits is no news: the sweep says so each time, for ever.
fn is_news(outcome: &Outcome) -> bool {
    !matches!(
        outcome,
        Outcome::Waiting(_)
            | Outcome::Settling(_)
            | Outcome::Copying(_)
            | Outcome::Ignored(_)
            | Outcome::Repeated(_)
            | Outcome::Stuck(_)
            | Outcome::Gone
    )
}

/// How far a container has been listed.
#[derive(Serialize, Deserialize)]
struct Cursor {
    token: String,
}

async fn read_cursor(routing: &Routing<'_>, key: &Key) -> Result<Option<String>, StoreError> {
    let found = optional(routing.ledger.documents.get(Collection::State, key).await)?;
    let cursor = found.and_then(|document| serde_json::from_str(document.body.get()).ok());
    Ok(cursor.map(|Cursor { token }| token))
}

async fn write_cursor(
    routing: &Routing<'_>,
    key: &Key,
    token: Option<String>,
) -> Result<(), StoreError> {
    let documents = routing.ledger.documents;
    match token {
        Some(token) => {
            let body = body_of(key, &Cursor { token })?;
            let keep = Some(Duration::from_secs(86_400));
            documents.put(Collection::State, key, &body, &Condition::Always, keep).await?;
        }
        None => {
            optional(documents.delete(Collection::State, key, &Condition::Always).await)?;
        }
    }
    Ok(())
}

/// Gives every blob of one batch of a poison queue another try. A message goes when its blobs are
/// handled; one that is not ours, or that fails, stays.
async fn drain_poison(
    routing: &Routing<'_>,
    queues: &dyn Queues,
    queue: &str,
    swept: &mut Swept,
) -> Result<(), StoreError> {
    if Instant::now() >= routing.deadline {
        return Ok(());
    }
    let hidden = Duration::from_secs(60);
    let messages = optional(queues.receive(queue, 32, hidden).await)?.unwrap_or_default();
    for message in messages {
        // What is left shows up again by itself.
        if Instant::now() >= routing.deadline {
            break;
        }
        match revive(routing, &message, swept).await {
            Ok(true) => drop(optional(queues.delete(queue, &message).await)?),
            Ok(false) => drop(optional(queues.release(queue, &message, Duration::ZERO).await)?),
            Err(error) => swept.failures.push(error),
        }
    }
    Ok(())
}

/// Whether the message is done with.
async fn revive(
    routing: &Routing<'_>,
    message: &Message,
    swept: &mut Swept,
) -> Result<bool, StoreError> {
    if is_foreign(&message.text) {
        return Ok(false);
    }
    let Ok(events) = events::parse(&message.text) else {
        // Once: the sweep meets it again and again.
        if message.dequeue_count == 1 {
            tracing::error!(message.id = %message.id, "a message in a poison queue is no storage event; remove it by hand");
        }
        return Ok(false);
    };
    for event in events {
        let Event::Arrived(path) = event else { continue };
        let started = Instant::now();
        let outcome = arrive(routing, &path).await?;
        swept.lines.push(Line { path, outcome, elapsed: started.elapsed() });
    }
    Ok(true)
}

/// Several apps can share an account, and with it the blob trigger's poison queue.
fn is_foreign(text: &str) -> bool {
    let message: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let function = message.as_ref().and_then(|message| message.get("FunctionId")?.as_str());
    function.is_some_and(|function| !function.to_ascii_lowercase().ends_with(".route_blob"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_container_gets_an_equal_part_of_what_is_left() {
        let now = Instant::now();
        let seconds = Duration::from_secs;
        assert_eq!(share(now, now + seconds(90), 3), now + seconds(30));
        assert_eq!(share(now + seconds(10), now + seconds(90), 2), now + seconds(50));
        assert_eq!(share(now + seconds(50), now + seconds(90), 1), now + seconds(90));
        assert_eq!(share(now + seconds(1), now, 2), now + seconds(1), "the time is up");
    }
}
