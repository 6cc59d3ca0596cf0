//! The columns of a file (`parquet.thrift`, `SchemaElement`).

use super::{
    fields::element,
    footer::{invalid, unsupported},
    thrift::Struct,
    types::{BYTE_ARRAY, read_type},
    wire::Malformed,
};
use crate::encryption::{canonical::Kind, engine::EngineError};

/// How deep columns may be nested.
const DEPTH: usize = 64;

/// How many columns a file may have, and how many bytes their paths: a name that many columns share
/// is in each path.
const LEAVES: usize = 100_000;
const PATHS: usize = 16 << 20;

/// Values of `FieldRepetitionType`.
const OPTIONAL: i64 = 1;
const REPEATED: i64 = 2;

/// Value of `ConvertedType` and field number of `LogicalType` for text.
const UTF8: i32 = 0;
const STRING: i16 = 1;

/// Field number of `LogicalType` for a group of binary leaves that belong together.
const VARIANT: i16 = 16;

/// A column: a leaf of the schema.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// The names from the root to the leaf, with dots.
    pub(super) path: String,
    /// The same, one by one.
    pub(super) names: Vec<String>,
    /// Which element of the schema it is.
    pub(super) element: usize,
    /// The definition level of a value that is there.
    pub(super) max_definition: u16,
    /// The highest repetition level.
    pub(super) max_repetition: u16,
    /// Whether the leaf itself may be null.
    pub(super) optional: bool,
    /// The type of its values.
    pub(super) kind: Kind,
    /// The type in words.
    pub(super) words: String,
    /// Whether it is a part of a variant, whose parts make sense together only.
    pub(super) in_variant: bool,
}

/// The columns of a file.
#[derive(Debug)]
pub(super) struct Schema {
    /// All elements as they are written.
    pub(super) elements: Vec<Vec<u8>>,
    /// The columns, in the file's order.
    pub(super) leaves: Vec<Leaf>,
}

/// A group whose children are being read.
struct Group {
    names: Vec<String>,
    left: u64,
    max_definition: u16,
    max_repetition: u16,
    in_variant: bool,
}

impl Schema {
    /// Reads the elements of a schema.
    pub(super) fn read(elements: &[&[u8]]) -> Result<Self, EngineError> {
        let root = elements.first().ok_or_else(|| invalid("it has no schema"))?;
        let left = Struct::parse(root)?.size(element::CHILDREN)?;
        let root =
            Group { names: vec![], left, max_definition: 0, max_repetition: 0, in_variant: false };
        let (mut groups, mut leaves, mut paths) = (vec![root], Vec::<Leaf>::new(), 0);
        for (number, bytes) in elements.iter().enumerate().skip(1) {
            while groups.pop_if(|group| group.left == 0).is_some() {}
            let parent = groups.last_mut().ok_or(Malformed::Wrong("a schema element too many"))?;
            parent.left -= 1;
            let fields = Struct::parse(bytes)?;
            let group = parent.child(&fields)?;
            paths += group.names.iter().map(String::len).sum::<usize>();
            if leaves.len() == LEAVES || paths > PATHS {
                return Err(unsupported(
                    "the schema",
                    "it has over 100,000 columns, or 16 MiB of paths",
                ));
            }
            match fields.has(element::TYPE) {
                true => leaves.push(group.leaf(&fields, number)?),
                false if groups.len() < DEPTH => groups.push(group),
                false => return Err(unsupported("the schema", "it is nested too deeply")),
            }
        }
        if groups.iter().any(|group| group.left > 0) {
            return Err(invalid("its schema ends too early"));
        }
        Ok(Self { elements: elements.iter().map(|bytes| bytes.to_vec()).collect(), leaves })
    }

    /// The column of a path.
    ///
    /// # Errors
    /// Two columns have it, so that nobody knows which one is meant; or it is part of a variant.
    pub(super) fn find(&self, path: &str) -> Result<usize, EngineError> {
        let mut found = (0..self.leaves.len()).filter(|leaf| self.leaves[*leaf].path == path);
        let leaf = found.next().ok_or_else(|| {
            unsupported(&format!("column `{path}`"), "the file has no leaf of this path")
        })?;
        if found.next().is_some() {
            return Err(unsupported(&format!("column `{path}`"), "two columns have this path"));
        }
        if self.leaves[leaf].in_variant {
            return Err(unsupported(&format!("column `{path}`"), "it is a part of a variant"));
        }
        Ok(leaf)
    }
}

impl Group {
    /// The element below; its own children are still to be read.
    fn child(&self, fields: &Struct<'_>) -> Result<Self, EngineError> {
        let name =
            fields.text(element::NAME)?.ok_or(Malformed::Wrong("an element without name"))?;
        let repetition = fields.integer(element::REPETITION)?.unwrap_or(0);
        if !(0..=REPEATED).contains(&repetition) {
            return Err(invalid("a schema element has an unknown repetition"));
        }
        let logical = fields.structure(element::LOGICAL)?;
        Ok(Self {
            names: [&self.names[..], &[name.to_owned()]].concat(),
            left: fields.size(element::CHILDREN)?,
            max_definition: self.max_definition + u16::from(repetition > 0),
            max_repetition: self.max_repetition + u16::from(repetition == REPEATED),
            in_variant: self.in_variant || logical.is_some_and(|logical| logical.has(VARIANT)),
        })
    }

    fn leaf(self, fields: &Struct<'_>, element: usize) -> Result<Leaf, EngineError> {
        let (kind, words) = read_type(fields)?;
        Ok(Leaf {
            path: self.names.join("."),
            names: self.names,
            element,
            max_definition: self.max_definition,
            max_repetition: self.max_repetition,
            optional: fields.integer(element::REPETITION)? == Some(OPTIONAL),
            kind,
            words,
            in_variant: self.in_variant,
        })
    }
}

/// The element of the same column when it holds cells.
pub(super) fn protected_element(bytes: &[u8], is_text: bool) -> Result<Vec<u8>, EngineError> {
    let mut fields = Struct::parse(bytes)?;
    for id in
        [element::LENGTH, element::CONVERTED, element::SCALE, element::PRECISION, element::LOGICAL]
    {
        fields.remove(id);
    }
    fields.set_i32(element::TYPE, BYTE_ARRAY);
    if is_text {
        let mut string = Struct::default();
        string.set_structure(STRING, &Struct::default());
        fields.set_i32(element::CONVERTED, UTF8);
        fields.set_structure(element::LOGICAL, &string);
    }
    Ok(fields.to_bytes())
}

/// Whether two elements are the same but for the type of their values.
pub(super) fn differ_in_type_only(a: &[u8], b: &[u8]) -> Result<bool, EngineError> {
    Ok(protected_element(a, false)? == protected_element(b, false)?)
}
