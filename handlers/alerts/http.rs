//! `/api/alerts` and what lies below it.
