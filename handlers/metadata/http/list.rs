//! Lists, page by page, as Data Factory's own Lookup activity answers them.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde::Serialize;
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

/// How many of these items an answer has room for that holds `taken` bytes already; one at least if
/// it holds nothing.
pub fn room_for<T: Serialize>(items: &[T], taken: &mut usize) -> usize {
    for (index, item) in items.iter().enumerate() {
        // What cannot be written as JSON fails when the answer is written, and not here.
        let size = serde_json::to_vec(item).map_or(0, |json| json.len() + 1);
        if *taken > 0 && *taken + size > MOST_BYTES {
            return index;
        }
        *taken += size;
    }
    items.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_before_it_is_too_large() {
        let items = vec!["x".repeat(1_000_000); 5];
        let mut taken = 0;
        assert_eq!(room_for(&items, &mut taken), 3);
        assert_eq!(room_for(&items, &mut taken), 0);
        let (huge, mut nothing) = (vec!["x".repeat(MOST_BYTES); 2], 0);
        assert_eq!(room_for(&huge, &mut nothing), 1, "one item always gets through");
    }
}
