//! Somebody else who comes between the reading and the writing of one request.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::future::BoxFuture;
use lakehand::{
    metadata::{
        tables::{kind::Kind, value::Value},
        windows::{model::Status, store::Windows},
    },
    stores::{
        Condition, ETag, Page, StoreError,
        documents::{Collection, Document, Documents, Key, Query},
    },
};
use serde_json::{json, value::RawValue};
use tokio::sync::Mutex;

use super::stores::{NOW, embedded, request, rows, table};

type Act = Box<dyn FnOnce(Arc<dyn Documents>) -> BoxFuture<'static, ()> + Send>;

/// After which request the other one comes, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Get,
    List,
}

/// A store of documents in which that happens.
struct Between {
    inner: Arc<dyn Documents>,
    after: After,
    act: Mutex<Option<Act>>,
}

impl Between {
    fn new<F: Future<Output = ()> + Send + 'static>(
        inner: &Arc<dyn Documents>,
        after: After,
        act: impl FnOnce(Arc<dyn Documents>) -> F + Send + 'static,
    ) -> Self {
        let act: Act = Box::new(move |documents| Box::pin(act(documents)));
        Self { inner: Arc::clone(inner), after, act: Mutex::new(Some(act)) }
    }

    async fn come(&self, after: After) {
        if after != self.after {
            return;
        }
        let act = self.act.lock().await.take();
        if let Some(act) = act {
            act(Arc::clone(&self.inner)).await;
        }
    }
}

impl fmt::Debug for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Between({:?})", self.after)
    }
}

#[async_trait]
impl Documents for Between {
    async fn get(&self, collection: Collection, key: &Key) -> Result<Document, StoreError> {
        let found = self.inner.get(collection, key).await;
        self.come(After::Get).await;
        found
    }

    async fn put(
        &self,
        collection: Collection,
        key: &Key,
        body: &RawValue,
        condition: &Condition,
        keep: Option<Duration>,
    ) -> Result<ETag, StoreError> {
        self.inner.put(collection, key, body, condition, keep).await
    }

    async fn delete(
        &self,
        collection: Collection,
        key: &Key,
        condition: &Condition,
    ) -> Result<(), StoreError> {
        self.inner.delete(collection, key, condition).await
    }

    async fn list(
        &self,
        collection: Collection,
        query: &Query<'_>,
    ) -> Result<Page<Document>, StoreError> {
        let page = self.inner.list(collection, query).await;
        self.come(After::List).await;
        page
    }

    async fn purge(&self, limit: usize) -> Result<usize, StoreError> {
        self.inner.purge(limit).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.inner.probe().await
    }
}

/// A run that reads the table from beginning to end.
async fn read_up_to(documents: &dyn Documents, run: &str, max: u64) {
    let windows = Windows { documents, table: "t" };
    let window = windows.open(&table(), &request(run), NOW, run).await.unwrap().window;
    windows.commit(&window.id, &rows(max), NOW).await.unwrap();
}

#[tokio::test]
async fn an_import_does_not_take_back_what_a_commit_sets_meanwhile() {
    let (_lake, documents) = embedded();
    let value = Value::of_json(Kind::BigInt, &json!(7)).unwrap();
    for (replace, wanted) in [(false, "50"), (true, "7")] {
        let between = Between::new(&documents, After::Get, |documents| async move {
            let windows = Windows { documents: &*documents, table: "t" };
            if windows.state().await.unwrap().0.mark.is_none() {
                read_up_to(&*documents, "other", 50).await;
            }
        });
        let windows = Windows { documents: &between, table: "t" };
        let done = windows.import("n", &value, replace, NOW).await.unwrap();
        assert_eq!(done.is_changed, replace);
        assert_eq!(done.state.mark.as_ref().unwrap().value.text(), wanted);
        let (state, etag) = windows.state().await.unwrap();
        assert_eq!((state, etag), (done.state, done.etag));
    }
}

#[tokio::test]
async fn a_run_that_commits_meanwhile_gets_no_second_window() {
    let (_lake, documents) = embedded();
    let between = Between::new(&documents, After::List, |documents| async move {
        // The same request, sent twice; then another run, so that the first one leaves the state.
        read_up_to(&*documents, "twice", 50).await;
        read_up_to(&*documents, "other", 60).await;
    });
    let windows = Windows { documents: &between, table: "t" };
    let done = windows.open(&table(), &request("twice"), NOW, "second").await.unwrap();
    assert!(!done.is_changed);
    assert_eq!((done.window.id.as_str(), done.window.status), ("twice", Status::Committed));
    assert_eq!(windows.state().await.unwrap().0.live, None);
}
