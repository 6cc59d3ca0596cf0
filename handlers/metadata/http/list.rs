//! Lists, page by page, as Data Factory's own Lookup activity answers them.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

/// What the items of one answer may take as JSON, in bytes: activities of Data Factory fail at
/// about 4 MB.
pub const MOST_BYTES: usize = 3_400_000;

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct List<T> {
    /// How many items this page has. It may be none although there are more.
    pub count: usize,
    /// The items.
    pub value: Vec<T>,
    /// What to send as `continuationToken` for the next page; null after the last one.
    #[schema(required)]
    pub continuation_token: Option<String>,
}

impl<T> List<T> {
    /// A page.
    pub fn new(value: Vec<T>, continuation_token: Option<String>) -> Self {
        Self { count: value.len(), value, continuation_token }
    }
}

impl<T: Serialize> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// The items of an answer, written once, which also tells how much room they take.
#[derive(Debug, Default)]
pub struct Written {
    items: Vec<Box<RawValue>>,
    bytes: usize,
}

impl Written {
    /// Adds an item and says so, unless the answer would get too long; the first one is always let
    /// through.
    pub fn add<T: Serialize>(&mut self, item: &T) -> bool {
        let Ok(item) = to_raw_value(item) else {
            debug_assert!(false, "every resource can be written as JSON");
            return true;
        };
        let bytes = self.bytes + item.get().len() + 1;
        if bytes > MOST_BYTES && !self.items.is_empty() {
            return false;
        }
        self.bytes = bytes;
        self.items.push(item);
        true
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The items.
    pub fn into_items(self) -> Vec<Box<RawValue>> {
        self.items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_before_it_is_too_large() {
        let (item, mut written) = ("x".repeat(1_000_000), Written::default());
        assert_eq!([(); 5].map(|()| written.add(&item)), [true, true, true, false, false]);
        assert_eq!(written.into_items().len(), 3);
        let (huge, mut written) = ("x".repeat(MOST_BYTES), Written::default());
        assert_eq!([(); 2].map(|()| written.add(&huge)), [true, false], "one gets through");
    }
}
