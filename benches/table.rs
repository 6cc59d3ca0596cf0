//! Figures as Markdown.

use std::fmt::Display;

/// A Markdown table; the first column holds words, the others numbers.
pub(crate) struct Table(String);

impl Table {
    /// A table with these column names.
    pub(crate) fn new(columns: &[&str]) -> Self {
        let marks: Vec<_> =
            (0..columns.len()).map(|at| if at == 0 { "---" } else { "---:" }).collect();
        Self(format!("| {} |\n| {} |\n", columns.join(" | "), marks.join(" | ")))
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: &[&dyn Display]) {
        let cells: Vec<_> = cells.iter().map(ToString::to_string).collect();
        self.0 += &format!("| {} |\n", cells.join(" | "));
    }

    /// The text.
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// The middle one of the values, or the mean of the two in the middle.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    (low + high) / 2.0
}

/// A number with so many decimals.
pub(crate) fn decimals(value: f64, places: usize) -> String {
    format!("{value:.places$}")
}

/// KiB as MiB.
pub(crate) fn mebibytes(kibibytes: u64) -> String {
    format!("{:.1}", kibibytes as f64 / 1024.0)
}
