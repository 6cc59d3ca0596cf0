//! What is answered, beside windows themselves.

use serde::Serialize;
use utoipa::ToSchema;

use super::model::{Mark, Window};

/// The mark of a table.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MarkAnswer {
    /// The table.
    pub table_id: String,
    /// How far it is read; null if nothing was read yet.
    #[schema(required)]
    pub mark: Option<Mark>,
    /// The window that is open.
    #[schema(required)]
    pub live: Option<Window>,
}

/// What a commit or a failure did.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WindowEnd)]
pub struct End {
    /// Whether this request ended the window; not if it had ended like that before.
    pub applied: bool,
    /// Whether the window moved the mark.
    pub moved: bool,
    /// How far the table is read now.
    #[schema(required)]
    pub mark: Option<Mark>,
    /// What became of files without rows; null if there were rows.
    #[schema(required)]
    pub emptied: Option<Emptied>,
    /// The window.
    pub window: Window,
}

/// What became of the files of a window that read no rows.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Emptied {
    /// The files that had no rows and are gone.
    pub removed: Vec<String>,
    /// The files that stay, and why.
    pub left: Vec<Left>,
    /// Why nothing, or not everything, was looked at; null if all was.
    #[schema(required)]
    pub reason: Option<String>,
}

/// A file that stays.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Left {
    /// The file, `container/name`.
    pub path: String,
    /// Why.
    pub reason: String,
}
