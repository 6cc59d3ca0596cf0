//! What to list of one partition, and the tokens that continue such a list.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest;
use serde::Serialize;

use super::Collection;
use crate::stores::{Fault, StoreError};

/// The member that stands for the document's own id in a [`Filter`]. A member of the body that has
/// this name cannot be filtered by.
pub const ID: &str = "id";

/// How many bytes of a token tie it to its query.
const TIE: usize = 8;

/// What to list of one partition.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The partition.
    pub partition: &'a str,
    /// What must be true of a document, each of them.
    pub filters: &'a [Filter<'a>],
    /// Which way.
    pub order: Order,
    /// How many documents a page holds at most; at least 1.
    pub limit: usize,
    /// The `next` of the page before, from a query that was the same but for its limit.
    pub token: Option<&'a str>,
}

/// A condition on a top-level member of the body, or on the [`ID`]. Only strings fulfil one; they
/// are compared as UTF-8 bytes, in which no letter equals another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Filter<'a> {
    /// The member is this text.
    Equals(&'a str, &'a str),
    /// The member is this text or a later one.
    AtLeast(&'a str, &'a str),
    /// The member is an earlier text.
    Below(&'a str, &'a str),
}

/// The order of a list, by id, as UTF-8 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Order {
    /// The least id first.
    #[default]
    Ascending,
    /// The greatest id first.
    Descending,
}

impl<'a> Query<'a> {
    /// The first hundred documents of a partition.
    pub fn of(partition: &'a str) -> Self {
        Self { partition, filters: &[], order: Order::Ascending, limit: 100, token: None }
    }

    /// The token of a page that ends with this id: short, safe in a URL, good for every process and
    /// every store.
    pub(in crate::stores) fn token_after(&self, collection: Collection, id: &str) -> String {
        let mut token = self.tie(collection);
        token.extend_from_slice(id.as_bytes());
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The last id of the page before, `None` at the start.
    ///
    /// # Errors
    /// `Rejected` if the token is of another query, or none at all.
    pub(in crate::stores) fn last_seen(
        &self,
        collection: Collection,
    ) -> Result<Option<String>, StoreError> {
        let Some(token) = self.token else { return Ok(None) };
        let decoded = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
        let own = decoded.strip_prefix(self.tie(collection).as_slice());
        match own.and_then(|id| String::from_utf8(id.to_vec()).ok()) {
            Some(id) => Ok(Some(id)),
            None => Err(StoreError::new(
                Fault::Rejected,
                "list",
                self.partition,
                "the continuation token is not of this list; repeat the very query that gave it, or start without a token",
            )),
        }
    }

    fn tie(&self, collection: Collection) -> Vec<u8> {
        let query = (collection.name(), self.partition, self.filters, self.order);
        let text = serde_json::to_vec(&query).expect("a query of texts can be written as JSON");
        digest::digest(&digest::SHA256, &text).as_ref()[..TIE].to_vec()
    }
}
