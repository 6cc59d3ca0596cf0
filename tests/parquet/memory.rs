//! However large a row group is, little of it is held at a time.

use std::{io, ops::ControlFlow, process::Command};

use lakehand::encryption::{
    cell::{ColumnKeys, DataKey, Protector},
    engine::{ProtectedWith, Source, Work},
    envelope::{Envelope, VERSION},
    parquet as engine,
};
use parquet::file::metadata::{
    FileMetaData, ParquetMetaData, ParquetMetaDataWriter, RowGroupMetaData,
};

use super::{
    files,
    fixtures::{self, PLAIN},
    randomized,
};

/// Says that this process is the one that is measured.
const MEASURED: &str = "LAKEHAND_TEST_MEASURED";

/// How much memory the engine may hold, and the whole process of these tests, in bytes.
const ALLOWED: usize = 32 << 20;
const MOST: u64 = 80 << 20;

/// A file with one row group of two columns whose pages are there many times.
struct Repeated {
    pages: Vec<u8>,
    /// Where each column's pages begin in `pages`; and their end.
    starts: [usize; 3],
    times: u64,
    footer: Vec<u8>,
}

impl Repeated {
    /// At least so many bytes.
    fn new(length: u64) -> Self {
        let schema =
            "message m { required fixed_len_byte_array(4096) a; required binary b (STRING); }";
        let file = fixtures::write(schema, PLAIN, &[450], vec![]);
        let metadata = files::metadata(&file);
        let ranges = [0, 1].map(|column| metadata.row_group(0).column(column).byte_range());
        let end = ranges[1].0 + ranges[1].1;
        let times = length.div_ceil(end - 4);
        let starts = [ranges[0].0 - 4, ranges[1].0 - 4, end - 4].map(|start| start as usize);
        let pages = file.0[4..end as usize].to_vec();
        let footer = footer(&metadata, times as i64);
        Self { pages, starts, times, footer }
    }

    /// Where the data ends.
    fn data_end(&self) -> u64 {
        4 + self.pages.len() as u64 * self.times
    }

    /// What is at a position, and as much after it as is together.
    fn piece(&self, position: u64) -> &[u8] {
        if position < 4 {
            return &b"PAR1"[position as usize..];
        }
        let Some(at) = self.data_end().checked_sub(position).filter(|left| *left > 0) else {
            return &self.footer[(position - self.data_end()) as usize..];
        };
        let at = self.pages.len() as u64 * self.times - at;
        let first = self.starts[1] as u64 * self.times;
        match at.checked_sub(first) {
            None => &self.pages[(at % self.starts[1] as u64) as usize..self.starts[1]],
            Some(at) => {
                let own = (self.starts[2] - self.starts[1]) as u64;
                &self.pages[self.starts[1] + (at % own) as usize..]
            }
        }
    }
}

impl Source for Repeated {
    fn length(&self) -> u64 {
        self.data_end() + self.footer.len() as u64
    }

    fn read_at(&self, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            let piece = self.piece(offset);
            let count = piece.len().min(buffer.len());
            buffer[..count].copy_from_slice(&piece[..count]);
            buffer = &mut buffer[count..];
            offset += count as u64;
        }
        Ok(())
    }
}

/// The footer of the same file with every page so many times.
fn footer(metadata: &ParquetMetaData, times: i64) -> Vec<u8> {
    let (file, group) = (metadata.file_metadata(), metadata.row_group(0));
    let mut start = 4;
    let columns = group.columns().iter().map(|column| {
        let length = column.compressed_size() * times;
        let builder = column.clone().into_builder().set_num_values(column.num_values() * times);
        let builder = builder.set_total_compressed_size(length).set_total_uncompressed_size(length);
        start += length;
        builder.set_data_page_offset(start - length).build().unwrap()
    });
    let rows = group.num_rows() * times;
    let group: RowGroupMetaData = group
        .clone()
        .into_builder()
        .set_num_rows(rows)
        .set_column_metadata(columns.collect())
        .build()
        .unwrap();
    let file = FileMetaData::new(file.version(), rows, None, None, file.schema_descr_ptr(), None);
    let mut footer = Vec::new();
    let metadata = ParquetMetaData::new(file, vec![group]);
    ParquetMetaDataWriter::new(&mut footer, &metadata).finish().unwrap();
    // The writer begins with the magic of a file.
    footer.split_off(if footer.starts_with(b"PAR1") { 4 } else { 0 })
}

fn protect_two_gibibytes() {
    let file = Repeated::new(2 << 30);
    let keys = ColumnKeys::new(Some(DataKey::new(super::KEY)), None);
    let columns = ["a", "b"].map(|path| ProtectedWith {
        path: path.to_owned(),
        protector: Protector::new(&randomized(path), &keys).unwrap(),
    });
    let envelope = Envelope {
        version: VERSION,
        policy: String::new(),
        source_etag: String::new(),
        columns: vec![],
        keys: Default::default(),
    };
    let progress = &|_| ControlFlow::Continue(());
    let work = Work { columns: columns.into(), envelope, memory: ALLOWED, progress };
    let totals = engine::protect(&file, io::sink(), work).unwrap();
    assert_eq!(totals.cells, 2 * 450 * file.times);
    assert!(totals.bytes_out > 2 << 30);
}

/// The most that this process ever held, in bytes, where the system says it.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
}

#[test]
fn a_row_group_of_two_gibibytes_stays_in_bounds() {
    if std::env::var_os(MEASURED).is_some() {
        protect_two_gibibytes();
        match peak() {
            Some(peak) => assert!(peak < MOST, "{peak} bytes were held"),
            None => println!("skipped: this system does not say how much memory a process held"),
        }
        return;
    }
    let name = "parquet::memory::a_row_group_of_two_gibibytes_stays_in_bounds";
    let output = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(MEASURED, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}
