//! No value of a protected column is left anywhere in the output.

use std::collections::BTreeSet;

use parquet::{basic::Compression, file::properties::WriterVersion};

use super::{
    Bytes, files,
    fixtures::{self, RICH, Style},
    open, paths, protect,
};

/// Columns whose values are long enough to be found nowhere by chance.
const CHOSEN: [&str; 11] = [
    "id",
    "seen_us",
    "legacy",
    "score",
    "price_fixed",
    "token",
    "email",
    "city",
    "customer.address.street",
    "tags.list.element",
    "scores.key_value.key",
];

/// How many values of these columns are found in a file.
fn found(file: &Bytes, values: &BTreeSet<Vec<u8>>) -> usize {
    values.iter().filter(|value| memchr::memmem::find(&file.0, value).is_some()).count()
}

fn values(file: &Bytes) -> BTreeSet<Vec<u8>> {
    let all = paths(file);
    let chosen = CHOSEN.map(|path| all.iter().position(|known| known == path).unwrap());
    let values = chosen.into_iter().flat_map(|leaf| files::read(file, leaf).unwrap().values);
    // Extremes are in other columns too.
    let telling =
        |value: &Vec<u8>| value.len() >= 7 && value.iter().collect::<BTreeSet<_>>().len() > 3;
    values.filter(telling).collect()
}

#[test]
fn no_plaintext_survives() {
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        for dictionary in [true, false] {
            // Uncompressed, so that values can be found where they are.
            let compression = Compression::UNCOMPRESSED;
            let file = fixtures::everything(Style { version, dictionary, compression, ..RICH });
            let values = values(&file);
            // Deltas hide some of them.
            assert!(found(&file, &values) > values.len() / 5, "the fixture shows its values");
            let (protected, _) = protect(&file, &CHOSEN).unwrap();
            assert_eq!(found(&protected, &values), 0);
            let opened = open(&protected, &CHOSEN).unwrap();
            assert!(found(&opened, &values) > values.len() / 2);
        }
    }
}

#[test]
fn nothing_tells_of_protected_values() {
    let file = fixtures::everything(RICH);
    let (protected, _) = protect(&file, &CHOSEN).unwrap();
    let (old, new) = (files::metadata(&file), files::metadata(&protected));
    for (old, new) in old.row_groups().iter().zip(new.row_groups()) {
        for (old, new) in old.columns().iter().zip(new.columns()) {
            let path = new.column_path().parts().join(".");
            if CHOSEN.contains(&path.as_str()) {
                assert!(old.bloom_filter_offset().is_some() && old.column_index_offset().is_some());
                assert!(new.bloom_filter_offset().is_none() && new.statistics().is_none());
                assert!(new.column_index_offset().is_none());
                assert!(new.dictionary_page_offset().is_none());
                assert!(new.unencoded_byte_array_data_bytes().is_none());
                assert!(new.definition_level_histogram().is_none());
            } else {
                assert_eq!(old.statistics(), new.statistics());
            }
        }
    }
}
