//! Removing the files of a window that read nothing: a Parquet file without rows is what a Copy
//! activity leaves then, and what many readers fail at.
//!
//! Only what lies in the window's own folder, in a container that is named for it, and says itself
//! that it has no rows, at the very version that said so: a Parquet file by its footer, a text by having
//! nothing in it. A text of one line may be a header, or a row of a file without one: it stays.

use std::sync::Arc;

use tokio::{runtime::Handle, task};

use super::{
    answers::{Emptied, Left},
    model::Window,
};
use crate::{
    encryption::{parquet, streams::BlobSource},
    error::Error,
    metadata::tables::sink::Sink,
    routing::{Source, arrival::is_folder},
    stores::{
        Condition, Fault, StoreError,
        blobs::{Blobs, Listed},
    },
};

/// So many files are looked at.
const MOST: usize = 1_000;

/// A text without rows is not longer than this, in bytes.
const LONGEST_TEXT: u64 = 1 << 20;

/// Looks at every file of a window and removes those without rows.
///
/// # Errors
/// The store's failure; the same call again goes on.
pub async fn remove(
    blobs: &Arc<dyn Blobs>,
    allowed: &[String],
    window: &Window,
) -> Result<Emptied, Error> {
    let sink = match own_sink(window, allowed) {
        Ok(sink) => sink,
        Err(reason) => return Ok(Emptied { reason: Some(reason), ..Emptied::default() }),
    };
    let mut emptied = Emptied::default();
    let mut files = files(&**blobs, sink).await?;
    if files.len() > MOST {
        files.truncate(MOST);
        let reason = format!("there are more than {MOST} files: commit again for the others");
        emptied.reason = Some(reason);
    }
    for file in files {
        let path = file.path.to_string();
        let left = match verdict(blobs, &file).await? {
            Some(reason) => Some(reason),
            None => removed(&**blobs, &file).await?,
        };
        match left {
            Some(reason) => emptied.left.push(Left { path, reason }),
            None => emptied.removed.push(path),
        }
    }
    Ok(emptied)
}

/// The folder of this window and of no other one.
fn own_sink<'a>(window: &'a Window, allowed: &[String]) -> Result<&'a Sink, String> {
    let Some(sink) = &window.sink else { return Err("the table has no sink".to_owned()) };
    if !sink.is_own || !sink.folder.contains(&window.id) {
        return Err("the sink has no {windowId}: other windows may write there too".to_owned());
    }
    if !allowed.contains(&sink.container) {
        return Err(format!(
            "`sinks` of [ingestion] in lakehand.toml does not name `{}`",
            sink.container
        ));
    }
    Ok(sink)
}

/// The files of a folder: all of them, or more than are looked at.
async fn files(blobs: &dyn Blobs, sink: &Sink) -> Result<Vec<Source>, StoreError> {
    let prefix = format!("{}/", sink.folder);
    let (mut found, mut token) = (Vec::new(), None);
    loop {
        let page = match blobs.list(&sink.container, &prefix, token.as_deref()).await {
            Err(error) if error.fault == Fault::NotFound => return Ok(found),
            page => page?,
        };
        let files = page.items.into_iter();
        let files = files.map(|Listed { path, properties }| Source { path, properties });
        found.extend(files.filter(|file| !is_folder(file)));
        token = page.next;
        if token.is_none() || found.len() > MOST {
            return Ok(found);
        }
    }
}

/// Why a file stays; `None` if it has no rows.
async fn verdict(blobs: &Arc<dyn Blobs>, file: &Source) -> Result<Option<String>, Error> {
    let Source { path, properties } = file;
    let name = path.name().to_ascii_lowercase();
    let has = |ending: &str| name.ends_with(ending);
    if has(".parquet") {
        return rows_of_parquet(Arc::clone(blobs), file.clone()).await;
    }
    if ![".csv", ".jsonl", ".ndjson", ".json"].into_iter().any(has) {
        return Ok(Some("its name does not tell how many rows it has".to_owned()));
    }
    if properties.length > LONGEST_TEXT {
        return Ok(Some("it is too long to be empty".to_owned()));
    }
    let read = blobs.read_range(path, &properties.etag, 0, properties.length).await;
    let text = match read {
        Err(error) if matches!(error.fault, Fault::Changed | Fault::NotFound) => {
            return Ok(Some("it changed".to_owned()));
        }
        read => read?,
    };
    Ok((!is_blank(&text))
        .then(|| "it has text, of which nothing says that it is no row".to_owned()))
}

async fn rows_of_parquet(blobs: Arc<dyn Blobs>, file: Source) -> Result<Option<String>, Error> {
    let Source { path, properties } = file;
    let source = BlobSource::new(blobs, path, &properties, Handle::current());
    let read = task::spawn_blocking(move || parquet::columns(&source).map(|info| info.rows)).await;
    Ok(match read {
        Ok(Ok(0)) => None,
        Ok(Ok(rows)) => Some(format!("it has {rows} rows")),
        Ok(Err(error)) => Some(format!("its footer cannot be read: {error}")),
        Err(_) => return Err(Error::Panicked),
    })
}

/// Removes a file at the version that was looked at; says why it stays if it is another one now.
async fn removed(blobs: &dyn Blobs, file: &Source) -> Result<Option<String>, StoreError> {
    let condition = Condition::Matches(file.properties.etag.clone());
    match blobs.delete(&file.path, &condition).await {
        Ok(()) => Ok(None),
        // Somebody else removed it: it is gone.
        Err(error) if error.fault == Fault::NotFound => Ok(None),
        Err(error) if error.fault == Fault::Changed => Ok(Some("it changed".to_owned())),
        Err(error) => Err(error),
    }
}

fn is_blank(text: &[u8]) -> bool {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    text.iter().all(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_blank_if_nothing_is_in_it() {
        for blank in ["", "\r\n\n", "\u{feff} \r\n"] {
            assert!(is_blank(blank.as_bytes()), "{blank:?}");
        }
        for text in ["a,b", "{}", "1,2,3\n"] {
            assert!(!is_blank(text.as_bytes()), "{text:?}");
        }
    }
}
