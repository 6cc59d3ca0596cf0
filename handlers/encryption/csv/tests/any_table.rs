//! Any table, in any dialect, against the `csv` crate.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
struct Style {
    delimiter: u8,
    quote: u8,
    escape: Option<u8>,
    line_end: &'static str,
    always: bool,
    last_line_end: bool,
}

impl Style {
    fn options(&self) -> CsvOptions {
        CsvOptions {
            delimiter: self.delimiter.into(),
            quote: Some(self.quote.into()),
            escape: self.escape.map(char::from),
            header: false,
            null_value: None,
            ..CsvOptions::default()
        }
    }

    fn write(&self, table: &[Vec<String>]) -> String {
        let field = |value: &String| self.field(value);
        let row = |row: &Vec<String>| {
            row.iter().map(field).collect::<Vec<_>>().join(&char::from(self.delimiter).to_string())
        };
        let mut text = table.iter().map(row).collect::<Vec<_>>().join(self.line_end);
        if self.last_line_end {
            text.push_str(self.line_end);
        }
        text
    }

    fn field(&self, value: &str) -> String {
        let quote = char::from(self.quote);
        let special = [char::from(self.delimiter), quote, '\r', '\n'];
        if !self.always && !value.is_empty() && !value.contains(special) {
            return value.to_owned();
        }
        let escape = char::from(self.escape.unwrap_or(self.quote));
        let mut text = String::from(quote);
        for character in value.chars() {
            if character == quote || Some(character) == self.escape.map(char::from) {
                text.push(escape);
            }
            text.push(character);
        }
        text.push(quote);
        text
    }

    fn read(&self, bytes: &[u8]) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(self.delimiter)
            .quote(self.quote)
            .escape(self.escape)
            .has_headers(false)
            .from_reader(bytes);
        let records = reader.records().map(Result::unwrap);
        records.map(|record| record.iter().map(str::to_owned).collect()).collect()
    }
}

fn styles() -> impl Strategy<Value = Style> {
    let line_end = prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
    (
        prop_oneof![Just(b','), Just(b'\t'), Just(b'|'), Just(b';')],
        prop_oneof![Just(b'"'), Just(b'\'')],
        prop_oneof![Just(None), Just(Some(b'\\')), Just(Some(b'~'))],
        line_end,
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(delimiter, quote, escape, line_end, always, last_line_end)| Style {
            delimiter,
            quote,
            escape,
            line_end,
            always,
            last_line_end,
        })
}

fn tables() -> impl Strategy<Value = Vec<Vec<String>>> {
    let value =
        prop_oneof!["[a-z,|;'\"\\\\~\r\n\t é\u{0}]{0,12}", "[a-z0-9 ]{0,40}", any::<String>()];
    (1..5usize).prop_flat_map(move |width| {
        let row = proptest::collection::vec(value.clone(), width);
        proptest::collection::vec(row, 1..8)
    })
}

proptest! {
    #[test]
    fn protected_values_come_back_and_others_never_change(
        style in styles(),
        table in tables(),
        column in any::<prop::sample::Index>(),
    ) {
        let file = style.write(&table);
        // A mark at the start is no part of the first value.
        prop_assume!(!file.starts_with('\u{FEFF}'));
        prop_assert_eq!(&style.read(file.as_bytes()), &table);
        let column = column.index(table[0].len());
        let name = (column + 1).to_string();
        let (out, totals) =
            protected(&file, &style.options(), &[(&name, Method::Randomized)]).unwrap();
        prop_assert_eq!(totals.rows as usize, table.len());
        prop_assert_eq!(totals.cells as usize, table.len());
        let read = style.read(&out);
        prop_assert_eq!(read.len(), table.len());
        for (row, old) in read.iter().zip(&table) {
            for (at, (new, old)) in row.iter().zip(old).enumerate() {
                prop_assert_eq!(new == old, at != column);
            }
        }
        prop_assert_eq!(opened(&out, &style.options(), &[&name]).unwrap(), file.as_bytes());
    }

    #[test]
    fn whatever_the_bytes_nothing_changes_unasked(
        bytes in proptest::collection::vec(
            prop_oneof![Just(b','), Just(b'"'), Just(b'\\'), Just(b'\n'), Just(b'\r'), any::<u8>()],
            0..200,
        ),
        quoted in any::<bool>(),
        escaped in any::<bool>(),
    ) {
        let options = CsvOptions {
            quote: quoted.then_some('"'),
            escape: escaped.then_some('\\'),
            header: false,
            ..CsvOptions::default()
        };
        if let Ok((out, _)) = protected(&bytes, &options, &[]) {
            prop_assert_eq!(out, bytes);
        }
    }

    #[test]
    fn chunks_of_any_size_give_the_same(style in styles(), table in tables(), times in 1..200usize) {
        let table: Vec<_> = table.iter().cycle().take(table.len() * times).cloned().collect();
        let file = style.write(&table);
        prop_assume!(!file.starts_with('\u{FEFF}'));
        let columns = [("1", Method::Deterministic)];
        let whole = protected(&file, &style.options(), &columns).unwrap();
        let mut out = Vec::new();
        let work = work(&columns, 64 << 10);
        let totals = protect(file.as_bytes(), &mut out, &style.options(), work, None).unwrap();
        prop_assert_eq!((out, totals), whole);
    }
}
