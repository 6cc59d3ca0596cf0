//! Parquet: columns are protected page by page, and everything else is carried over as bytes.
//!
//! Reading order: `footer` and `schema` say what is in a file, `feed` turns it into steps,
//! `pipeline` runs them, `worker` changes a page, `tail` and `rewrite` finish the file,
//! `verify` looks at it with other eyes.
//!
//! The crate `parquet` is those other eyes. It does not read here, because its decoders trust a
//! file: they allocate and decompress what it says before they look whether that can be true. And
//! it does not write, because its model of the metadata leaves out what it does not know, while
//! here whatever is not edited stays the bytes it was.
//!
//! A protected column keeps its levels (so nulls, structs, lists and maps), its row groups and row
//! order. Its values become plain, uncompressed byte arrays without dictionary, statistics or
//! bloom filter; its row groups' sort order ends before it.

mod arrow;
mod bits;
mod cells;
mod change;
mod chunk;
mod codec;
mod delta;
mod feed;
mod fields;
mod footer;
mod memory;
mod page;
mod pairs;
mod parts;
mod pipeline;
mod rewrite;
mod schema;
mod tail;
mod thrift;
mod types;
mod values;
mod verify;
mod window;
mod wire;
mod worker;

use std::{collections::BTreeMap, io::Write, ops::ControlFlow};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

pub use self::verify::verify;
use self::{
    change::{Change, Column},
    chunk::chunks,
    feed::Feed,
    footer::{FileMetadata, Footer, MAGIC, invalid, unsupported},
    memory::Memory,
    pairs::{NewType, Pairs, types_of},
    pipeline::Output,
    rewrite::NewElement,
    schema::{differ_in_type_only, protected_element},
    thrift::Struct,
    types::read_type,
};
use super::{
    canonical::Physical,
    cell::Opener,
    engine::{EngineError, Source, Totals, Work},
    envelope::Envelope,
};

/// The longest footer that is read where no limit is given, in bytes.
const FOOTER: u64 = 64 << 20;

/// A column of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its path: the names from the root to the leaf, with dots.
    pub path: String,
    /// Its type in words, such as `date as int32`.
    pub words: String,
    /// Whether a value may be null, be it that a list or struct around it is.
    pub nullable: bool,
}

/// What a file says of itself.
#[derive(Clone, Debug)]
pub struct FileInfo {
    /// The columns, in the file's order.
    pub columns: Vec<ColumnInfo>,
    /// How many rows it has.
    pub rows: u64,
    /// What it says of its own protection; hostile until proven otherwise.
    pub envelope: Option<Envelope>,
}

/// Reads what a file says of itself; its data is not looked at.
///
/// # Errors
/// It is no Parquet file, or encrypted as a whole.
pub fn columns(source: &dyn Source) -> Result<FileInfo, EngineError> {
    let footer = Footer::read(source, FOOTER)?;
    let metadata = footer.parse()?;
    let info = |leaf: &schema::Leaf| ColumnInfo {
        path: leaf.path.clone(),
        words: leaf.words.clone(),
        nullable: leaf.max_definition > 0,
    };
    let columns = metadata.schema.leaves.iter().map(info).collect();
    Ok(FileInfo { columns, rows: metadata.rows, envelope: metadata.envelope()? })
}

/// What a file says of its own protection; hostile until proven otherwise.
///
/// # Errors
/// As [`columns`].
pub fn envelope(source: &dyn Source) -> Result<Option<Envelope>, EngineError> {
    Footer::read(source, FOOTER)?.parse()?.envelope()
}

/// Writes a file in which the columns of the work are protected.
///
/// # Errors
/// The file is damaged, protected already or has what cannot be carried over; it needs more memory
/// than is allowed; reading or writing fails; the callback ends the work. What was written then is
/// to be thrown away.
pub fn protect(
    source: &dyn Source,
    sink: impl Write + Send,
    work: Work<'_>,
) -> Result<Totals, EngineError> {
    let memory = Memory::new(work.memory);
    let footer = Footer::read(source, memory.footer as u64)?;
    let metadata = footer.parse()?;
    if let Some(envelope) = metadata.envelope()? {
        let paths = envelope.columns.iter().map(|column| column.path.as_str());
        return Err(EngineError::AlreadyProtected(paths.collect::<Vec<_>>().join(", ")));
    }
    let mut envelope = work.envelope;
    let (mut changes, mut changed) = (Vec::new(), Vec::new());
    for with in work.columns {
        let leaf = metadata.schema.find(&with.path)?;
        let read = metadata.schema.leaves[leaf].clone();
        let old = &metadata.schema.elements[read.element];
        let element = protected_element(old, with.protector.output_is_text())?;
        for column in envelope.columns.iter_mut().filter(|column| column.path == with.path) {
            column.original = Some(original(&read.words, old));
        }
        changed.push(NewElement { leaf, element, physical: Physical::Bytes });
        changes.push(Column::new(leaf, read, Change::Protect(Box::new(with.protector))));
    }
    metadata.check_changed(&changes)?;
    let mut types = vec![None; metadata.schema.leaves.len()];
    for column in &changes {
        let Change::Protect(protector) = &column.change else { continue };
        let text = protector.output_is_text();
        types[column.leaf] = Some(if text { NewType::Text } else { NewType::Binary });
    }
    let pairs = pairs::protect(metadata.key_values()?, &metadata.schema.leaves, &types, &envelope)?;
    let file = Rewriting { source, footer: &footer, metadata: &metadata, memory };
    file.write(&changes, &changed, &pairs, Output::new(sink, work.progress))
}

/// Writes a file in which the columns that have an opener are what they were; other protected
/// columns stay so.
///
/// # Errors
/// The file is not protected, or not these columns of it; a cell does not open; and as
/// [`protect`].
pub fn open(
    source: &dyn Source,
    sink: impl Write + Send,
    openers: &BTreeMap<String, Opener>,
    memory: usize,
    progress: &(dyn Fn(Totals) -> ControlFlow<()> + Sync),
) -> Result<Totals, EngineError> {
    let memory = Memory::new(memory);
    let footer = Footer::read(source, memory.footer as u64)?;
    let metadata = footer.parse()?;
    let envelope = metadata.envelope()?.ok_or_else(|| invalid("it is not protected"))?;
    let (mut changes, mut changed) = (Vec::new(), Vec::new());
    for (path, opener) in openers {
        let column = envelope.columns.iter().find(|column| column.path == *path);
        let column = column.ok_or_else(|| invalid(&format!("`{path}` is not protected")))?;
        let leaf = metadata.schema.find(path)?;
        let read = metadata.schema.leaves[leaf].clone();
        let element = original_element(column.original.as_ref())
            .filter(|old| {
                differ_in_type_only(old, &metadata.schema.elements[read.element]).unwrap_or(false)
            })
            .ok_or_else(|| invalid(&format!("the original type of `{path}` cannot be read")))?;
        let (kind, _) = read_type(&Struct::parse(&element)?)?;
        if read.kind.physical() != Physical::Bytes {
            return Err(invalid(&format!("column `{path}` holds no cells")));
        }
        changed.push(NewElement { leaf, element, physical: kind.physical() });
        changes.push(Column::new(leaf, read, Change::Open(opener.clone(), kind)));
    }
    let pairs = remaining_pairs(&metadata, envelope, &changed)?;
    let file = Rewriting { source, footer: &footer, metadata: &metadata, memory };
    file.write(&changes, &changed, &pairs, Output::new(sink, progress))
}

/// The footer's entries when only some of the columns stay protected.
fn remaining_pairs(
    metadata: &FileMetadata<'_>,
    mut envelope: Envelope,
    opened: &[NewElement],
) -> Result<Pairs, EngineError> {
    let leaves = &metadata.schema.leaves;
    let is_open = |path: &str| opened.iter().any(|new| leaves[new.leaf].path == path);
    envelope.columns.retain(|column| !is_open(&column.path));
    envelope
        .keys
        .retain(|name, _| envelope.columns.iter().any(|column| column.key.as_ref() == Some(name)));
    let pairs = pairs::restore(metadata.key_values()?)?;
    if envelope.columns.is_empty() {
        return Ok(pairs);
    }
    let paths = envelope.columns.iter().map(|column| metadata.schema.find(&column.path));
    let types = types_of(&metadata.schema, &paths.collect::<Result<Vec<_>, _>>()?)?;
    pairs::protect(pairs, leaves, &types, &envelope)
}

/// How the envelope keeps a column's type: in words, and as the schema's own bytes.
fn original(words: &str, element: &[u8]) -> Value {
    json!({ "type": words, "element": STANDARD.encode(element) })
}

fn original_element(original: Option<&Value>) -> Option<Vec<u8>> {
    STANDARD.decode(original?.get("element")?.as_str()?).ok()
}

/// A file on its way to another.
struct Rewriting<'a> {
    source: &'a dyn Source,
    footer: &'a Footer,
    metadata: &'a FileMetadata<'a>,
    memory: Memory,
}

impl Rewriting<'_> {
    fn write<W: Write>(
        &self,
        columns: &[Column],
        changed: &[NewElement],
        pairs: &Pairs,
        mut out: Output<'_, W>,
    ) -> Result<Totals, EngineError> {
        let (source, metadata, memory) = (self.source, self.metadata, self.memory);
        metadata.check_known()?;
        let feed = Feed::new(source, metadata, self.footer.start, columns, memory)?;
        out.write_all(MAGIC)?;
        let places = pipeline::write(source, feed, columns, memory, &mut out)?;
        let tails = tail::write(source, metadata, &places, memory, &mut out)?;
        let footer = rewrite::footer(metadata, changed, pairs, &places, &tails)?;
        // The footer is a part by itself, so that it can be replaced without the data.
        out.flush()?;
        out.write_all(&footer)?;
        let length = u32::try_from(footer.len());
        let length = length.map_err(|_| unsupported("the footer", "it would pass 4 GiB"))?;
        out.write_all(&length.to_le_bytes())?;
        out.write_all(MAGIC)?;
        out.flush()?;
        out.totals.bytes_in = source.length();
        out.tell()?;
        Ok(out.totals)
    }
}

impl FileMetadata<'_> {
    /// The row groups, as bytes.
    fn row_groups(&self) -> Result<Vec<&[u8]>, EngineError> {
        Ok(self.fields.list(fields::file::ROW_GROUPS)?.unwrap_or_default())
    }

    fn check_changed(&self, columns: &[Column]) -> Result<(), EngineError> {
        for group in self.row_groups()? {
            let (group, _) = chunk::read_group(group)?;
            let chunks = chunks(&group, &self.schema.leaves)?;
            for column in columns {
                rewrite::check_changed(chunks[column.leaf], &column.read.path)?;
            }
        }
        Ok(())
    }
}
