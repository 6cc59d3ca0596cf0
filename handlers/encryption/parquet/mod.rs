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

use std::io::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use self::{
    change::{Change, Column},
    chunk::chunks,
    feed::Feed,
    footer::{FileMetadata, Footer, MAGIC, invalid, sealed, unsupported},
    memory::Memory,
    pairs::{NewType, Pairs, types_of},
    pipeline::Output,
    rewrite::NewElement,
    schema::{Leaf, differ_in_type_only, protected_element},
    thrift::Struct,
    types::read_type,
};
pub use self::{rewrite::with_envelope, verify::verify};
use super::{
    canonical::Physical,
    engine::{EngineError, OpenedWith, Opening, ProtectedWith, Source, Totals, Work},
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
    let info = |leaf: &Leaf| ColumnInfo {
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
    let (mut envelope, mut changes) = (work.envelope, Changes::default());
    let mut types = vec![None; metadata.schema.leaves.len()];
    for with in work.columns {
        let is_text = with.protector.output_is_text();
        let leaf = changes.protect(&metadata, with, &mut envelope)?;
        types[leaf] = Some(if is_text { NewType::Text } else { NewType::Binary });
    }
    metadata.check_changed(&changes.columns)?;
    let leaves = &metadata.schema.leaves;
    let pairs = pairs::protect(metadata.key_values()?, leaves, &types, &envelope)?;
    let file = Rewriting { source, footer: &footer, metadata: &metadata, memory };
    file.write(&changes, &pairs, Output::new(sink, work.progress))
}

/// Writes a file in which the columns of the work are what they were; other protected columns stay
/// so.
///
/// # Errors
/// The file is not protected, or not these columns of it; a cell does not open; and as
/// [`protect`].
pub fn open(
    source: &dyn Source,
    sink: impl Write + Send,
    opening: Opening<'_>,
) -> Result<Totals, EngineError> {
    let memory = Memory::new(opening.memory);
    let footer = Footer::read(source, memory.footer as u64)?;
    let metadata = footer.parse()?;
    let envelope = metadata.envelope()?.ok_or_else(|| invalid("it is not protected"))?;
    let mut changes = Changes::default();
    for with in opening.columns {
        changes.open(&metadata, with, &envelope)?;
    }
    let pairs = remaining_pairs(&metadata, envelope, &changes.elements)?;
    let file = Rewriting { source, footer: &footer, metadata: &metadata, memory };
    file.write(&changes, &pairs, Output::new(sink, opening.progress))
}

/// What changes in a file: columns, and how the schema describes them.
#[derive(Default)]
struct Changes {
    columns: Vec<Column>,
    elements: Vec<NewElement>,
}

impl Changes {
    /// Adds a column to protect, writes its type into the envelope and returns which leaf it is.
    fn protect(
        &mut self,
        metadata: &FileMetadata<'_>,
        with: ProtectedWith,
        envelope: &mut Envelope,
    ) -> Result<usize, EngineError> {
        let (leaf, read) = self.find(metadata, &with.path)?;
        let old = &metadata.schema.elements[read.element];
        let element = protected_element(old, with.protector.output_is_text())?;
        for column in envelope.columns.iter_mut().filter(|column| column.path == with.path) {
            column.original = Some(original(&read.words, old));
        }
        self.elements.push(NewElement { leaf, element, physical: Physical::Bytes });
        self.columns.push(Column::new(leaf, read, Change::Protect(Box::new(with.protector))));
        Ok(leaf)
    }

    /// Adds a column to open, to the type that the envelope says.
    fn open(
        &mut self,
        metadata: &FileMetadata<'_>,
        with: OpenedWith,
        envelope: &Envelope,
    ) -> Result<(), EngineError> {
        let column = envelope.columns.iter().find(|column| column.path == with.path);
        let column = column.ok_or_else(|| invalid(&format!("`{}` is not protected", with.path)))?;
        let (leaf, read) = self.find(metadata, &with.path)?;
        let current = &metadata.schema.elements[read.element];
        let element = original_element(column.original.as_ref())
            .filter(|old| differ_in_type_only(old, current).unwrap_or(false))
            .ok_or_else(|| {
                invalid(&format!("the original type of `{}` cannot be read", with.path))
            })?;
        if read.kind.physical() != Physical::Bytes {
            return Err(invalid(&format!("column `{}` holds no cells", with.path)));
        }
        let (kind, _) = read_type(&Struct::parse(&element)?)?;
        self.elements.push(NewElement { leaf, element, physical: kind.physical() });
        self.columns.push(Column::new(leaf, read, Change::Open(with.opener, kind)));
        Ok(())
    }

    fn find(&self, metadata: &FileMetadata<'_>, path: &str) -> Result<(usize, Leaf), EngineError> {
        let leaf = metadata.schema.find(path)?;
        if self.columns.iter().any(|column| column.leaf == leaf) {
            return Err(unsupported(&format!("column `{path}`"), "it is asked for twice"));
        }
        Ok((leaf, metadata.schema.leaves[leaf].clone()))
    }
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
        changes: &Changes,
        pairs: &Pairs,
        mut out: Output<'_, W>,
    ) -> Result<Totals, EngineError> {
        let (source, metadata, memory) = (self.source, self.metadata, self.memory);
        metadata.check_known()?;
        let feed = Feed::new(source, metadata, self.footer.start, &changes.columns, memory)?;
        out.write_all(MAGIC)?;
        let places = pipeline::write(source, feed, &changes.columns, memory, &mut out)?;
        let tails = tail::write(source, metadata, &places, memory, &mut out)?;
        let footer = rewrite::footer(metadata, &changes.elements, pairs, &places, &tails)?;
        // The footer is a part by itself, so that it can be replaced without the data.
        out.flush()?;
        out.write_all(&sealed(footer)?)?;
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
