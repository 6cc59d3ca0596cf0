//! Files that are damaged, or made to do harm: an error each, and never a panic.

use std::ops::ControlFlow;

use ::parquet::file::metadata::ParquetMetaDataReader;
use lakehand::encryption::{
    cell::Opener,
    engine::{EngineError, OpenedWith, Opening, Source, Work},
    envelope::Envelope,
    parquet::{self, columns, envelope},
    policy::Output,
};
use proptest::prelude::*;

use super::{
    Bytes, MEMORY,
    fixtures::{self, PLAIN, RICH, Style},
    open, opening, paths, protect, protect_with, randomized,
};

const SCHEMA: &str = "message m {
    optional int64 id;
    optional binary email (STRING);
    optional group tags (LIST) { repeated group list { optional binary element (STRING); } }
}";

const COLUMNS: [&str; 3] = ["id", "email", "tags.list.element"];

fn small(style: Style) -> Bytes {
    fixtures::write(SCHEMA, style, &[60, 20], vec![])
}

/// Everything that reads a file.
fn read_all(file: &Bytes) {
    drop(columns(file));
    drop(envelope(file));
    if let Ok((protected, _)) = protect(file, &COLUMNS) {
        drop(open(&protected, &COLUMNS));
    }
    drop(protect(file, &["email"]));
    drop(open(file, &COLUMNS));
}

#[test]
fn no_file_that_is_cut_off_is_accepted() {
    let file = small(RICH);
    for length in 0..file.0.len() {
        let cut = Bytes(file.0[..length].to_vec());
        assert!(columns(&cut).is_err());
        assert!(protect(&cut, &COLUMNS).is_err());
    }
}

/// The positions of pages move with their column; one from elsewhere would come out as nonsense.
#[test]
fn a_page_index_that_points_out_of_its_column_is_refused() {
    let mut file = small(RICH);
    let metadata =
        ParquetMetaDataReader::new().parse_and_finish(&bytes::Bytes::from(file.0.clone())).unwrap();
    let index = metadata.row_group(0).column(0).offset_index_offset().unwrap();
    // A list of structs (0x19, 0x?c), the first field of the first one (0x16): the position.
    let position = usize::try_from(index).unwrap() + 3;
    assert_eq!((file.0[position - 3], file.0[position - 1]), (0x19, 0x16));
    file.0[position] = 0;
    let error = protect(&file, &["email"]).map(drop).unwrap_err().to_string();
    assert!(error.contains("a page index points out of its column"), "{error}");
}

#[test]
fn what_is_no_parquet_is_said_so() {
    for bytes in [&b""[..], b"PAR1", b"id,email\n1,a@example.com\n", &[0; 100], b"PAR1PAR1PAR1"] {
        let error = columns(&Bytes(bytes.to_vec())).map(drop).unwrap_err();
        assert!(matches!(error, EngineError::Invalid { format: "Parquet", .. }), "{error}");
    }
}

#[test]
fn a_file_with_an_encrypted_footer_is_said_to_be_one() {
    let mut file = small(PLAIN).0;
    let end = file.len() - 4;
    file[..4].copy_from_slice(b"PARE");
    file[end..].copy_from_slice(b"PARE");
    let error = columns(&Bytes(file)).map(drop).unwrap_err().to_string();
    assert!(error.contains("Modular Encryption"), "{error}");
}

#[test]
fn a_footer_that_is_too_long_is_not_read() {
    let pairs = vec![("long".to_owned(), Some("x".repeat(1 << 20)))];
    let file = fixtures::write(SCHEMA, PLAIN, &[5], pairs);
    let error = protect_with(&file, &[randomized("id")], 1 << 20).map(drop).unwrap_err();
    assert!(matches!(error, EngineError::TooLarge { subject, .. } if subject == "the footer"));
}

#[test]
fn a_page_that_is_too_large_is_not_read() {
    // Pages of the fixture have up to 90 rows; these take 90 KiB and more.
    let schema = "message m { required fixed_len_byte_array(9000) a; required int32 b; }";
    let file = fixtures::write(schema, PLAIN, &[90], vec![]);
    let error = protect_with(&file, &[randomized("a")], 1 << 20).map(drop).unwrap_err();
    assert!(matches!(error, EngineError::TooLarge { subject, .. } if subject == "a page"));
    // Copying it takes no more memory than copying a small one.
    protect_with(&file, &[randomized("b")], 1 << 20).unwrap();
}

#[test]
fn the_callback_ends_the_work() {
    let file = small(RICH);
    let envelope = Envelope {
        version: 1,
        policy: String::new(),
        source_etag: String::new(),
        columns: vec![],
        keys: Default::default(),
    };
    let progress = &|_| ControlFlow::Break(());
    let work = Work { columns: vec![], envelope, memory: MEMORY, progress };
    let result = parquet::protect(&file, Vec::new(), work);
    assert!(matches!(result, Err(EngineError::Stopped)));
}

/// All columns of the small file.
fn all() -> Opening<'static> {
    let opener = Opener::with_key(&super::KEY, &[], Output::Binary).unwrap();
    let with = |path: &str| OpenedWith { path: path.to_owned(), opener: opener.clone() };
    opening(COLUMNS.map(with).into())
}

/// A disk that is full after some bytes.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_ends_the_work() {
    let (file, _) = protect(&small(RICH), &COLUMNS).unwrap();
    for room in (0..4000).step_by(500) {
        let result = parquet::open(&file, Full(room), all());
        assert!(matches!(result, Err(EngineError::Io(_))), "{room}");
    }
}

/// A source that fails at one place.
struct Broken<'a>(&'a Bytes, std::ops::Range<u64>);

impl Source for Broken<'_> {
    fn length(&self) -> u64 {
        self.0.length()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
        match offset < self.1.end && offset + buffer.len() as u64 > self.1.start {
            true => Err(std::io::ErrorKind::ConnectionReset.into()),
            false => self.0.read_at(offset, buffer),
        }
    }
}

#[test]
fn a_source_that_fails_ends_the_work() {
    let (file, _) = protect(&small(RICH), &COLUMNS).unwrap();
    for place in [0..1, 500..501, file.length() - 1..file.length()] {
        let broken = Broken(&file, place);
        let result = parquet::open(&broken, Vec::new(), all());
        assert!(matches!(result, Err(EngineError::Io(_))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_changed_bytes_panic(
        style in 0usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        protected: bool,
    ) {
        let dense = Style { dictionary: false, dense: true, ..PLAIN };
        let style = [PLAIN, RICH, dense, Style { version: PLAIN.version, ..RICH }][style];
        let mut file = small(style);
        if protected {
            file = protect(&file, &COLUMNS).unwrap().0;
        }
        for (at, byte) in changes {
            let at = at.index(file.0.len());
            file.0[at] = byte;
        }
        read_all(&file);
    }

    #[test]
    fn no_changed_footer_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut file = small(RICH);
        let end = file.0.len() - 8;
        let length = u32::from_le_bytes(*file.0[end..].first_chunk().unwrap()) as usize;
        for (at, byte) in changes {
            let at = end - 1 - at.index(length);
            file.0[at] = byte;
        }
        read_all(&file);
    }
}

#[test]
fn paths_of_the_small_file_are_known() {
    assert_eq!(paths(&small(PLAIN)), COLUMNS);
}
