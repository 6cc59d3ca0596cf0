//! The rules of [`Queues`].

use std::time::Duration;

use lakehand::stores::{
    Fault,
    queues::{Message, Queues},
};
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use super::{DEADLINE, assert_fault};

const LONG: Duration = Duration::from_secs(60);

async fn texts(store: &dyn Queues, queue: &str, count: u8) -> Vec<String> {
    let messages = store.receive(queue, count, LONG).await.unwrap();
    messages.into_iter().map(|message| message.text).collect()
}

/// Receives until a message is there.
async fn receive_one(store: &dyn Queues, queue: &str, hidden: Duration) -> Message {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(message) = store.receive(queue, 1, hidden).await.unwrap().pop() {
            return message;
        }
        assert!(Instant::now() < deadline, "no message became visible");
        sleep(Duration::from_millis(50)).await;
    }
}

/// A message comes out as it went in, and once only while it is hidden.
pub(crate) async fn receives_what_was_sent(store: &dyn Queues, queue: &str) {
    store.create(queue).await.unwrap();
    store.create(queue).await.unwrap();
    assert!(store.receive(queue, 32, LONG).await.unwrap().is_empty());
    let text = "{\"blob\": \"landing/é 仓库 <&> %20+\\\"\"}\n";
    assert_eq!(store.peek(queue).await.unwrap(), 0);
    store.send(queue, text).await.unwrap();
    assert_eq!(store.peek(queue).await.unwrap(), 1);
    let message = receive_one(store, queue, LONG).await;
    assert_eq!(store.peek(queue).await.unwrap(), 0, "it is hidden");
    assert_eq!(message.text, text);
    assert_eq!(message.dequeue_count, 1);
    assert!(!message.id.is_empty() && !message.receipt.is_empty());
    let age = OffsetDateTime::now_utc() - message.inserted;
    assert!(age.abs() < Duration::from_secs(300), "sent {age} ago");
    assert!(message.next_visible > message.inserted);
    assert!(message.expires > message.next_visible);
    assert!(store.receive(queue, 32, LONG).await.unwrap().is_empty());
    store.delete(queue, &message).await.unwrap();
    assert_fault(store.delete(queue, &message).await, Fault::NotFound);
}

/// Messages come out roughly in the order in which they went in, no more than asked for at once.
pub(crate) async fn receives_in_order(store: &dyn Queues, queue: &str) {
    store.create(queue).await.unwrap();
    for number in 0..5 {
        store.send(queue, &number.to_string()).await.unwrap();
    }
    assert_eq!(texts(store, queue, 2).await, ["0", "1"]);
    assert_eq!(texts(store, queue, 32).await, ["2", "3", "4"]);
}

/// A message that nobody deletes comes back when its time is over, and counts.
pub(crate) async fn shows_again_after_its_time(store: &dyn Queues, queue: &str) {
    store.create(queue).await.unwrap();
    store.send(queue, "work").await.unwrap();
    let first = receive_one(store, queue, Duration::from_secs(1)).await;
    let second = receive_one(store, queue, LONG).await;
    assert_eq!(second.id, first.id);
    assert_eq!(second.dequeue_count, 2);
    assert_ne!(second.receipt, first.receipt);
}

/// A released message is there again, at once or later.
pub(crate) async fn shows_again_when_released(store: &dyn Queues, queue: &str) {
    store.create(queue).await.unwrap();
    store.send(queue, "work").await.unwrap();
    let first = receive_one(store, queue, LONG).await;
    store.release(queue, &first, Duration::ZERO).await.unwrap();
    let second = receive_one(store, queue, LONG).await;
    assert_eq!((second.text.as_str(), second.dequeue_count), ("work", 2));
    store.release(queue, &second, LONG).await.unwrap();
    assert!(store.receive(queue, 32, LONG).await.unwrap().is_empty());
}

/// Who received a message before somebody else did has no say in it any more.
pub(crate) async fn refuses_old_receipts(store: &dyn Queues, queue: &str) {
    store.create(queue).await.unwrap();
    store.send(queue, "work").await.unwrap();
    let old = receive_one(store, queue, Duration::from_secs(1)).await;
    let current = receive_one(store, queue, LONG).await;
    assert_fault(store.release(queue, &old, Duration::ZERO).await, Fault::NotFound);
    assert_fault(store.delete(queue, &old).await, Fault::NotFound);
    store.delete(queue, &current).await.unwrap();
    assert_fault(store.release(queue, &current, Duration::ZERO).await, Fault::NotFound);
}

/// A queue that nobody created is `NotFound`.
pub(crate) async fn misses_what_is_not_there(store: &dyn Queues, queue: &str) {
    let other = format!("{queue}-other");
    store.create(&other).await.unwrap();
    store.send(&other, "work").await.unwrap();
    let message = receive_one(store, &other, LONG).await;
    assert_fault(store.send(queue, "x").await, Fault::NotFound);
    assert_fault(store.receive(queue, 1, LONG).await, Fault::NotFound);
    assert_fault(store.delete(queue, &message).await, Fault::NotFound);
    assert_fault(store.release(queue, &message, LONG).await, Fault::NotFound);
    store.delete(&other, &message).await.unwrap();
}

/// Many receivers at once share the messages; none gets what another has.
pub(crate) async fn delivers_once_while_hidden(store: &dyn Queues, queue: &str) {
    store.create(queue).await.unwrap();
    for number in 0..12 {
        store.send(queue, &format!("{number:02}")).await.unwrap();
    }
    let receivers = (0..8).map(|_| texts(store, queue, 2));
    let mut all: Vec<String> = futures::future::join_all(receivers).await.concat();
    // A busy server may hand out less than there is; the rest is still there.
    while all.len() < 12 {
        all.push(receive_one(store, queue, LONG).await.text);
    }
    all.sort();
    let sent: Vec<String> = (0..12).map(|number| format!("{number:02}")).collect();
    assert_eq!(all, sent);
}
