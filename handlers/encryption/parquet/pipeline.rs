//! Pages on their way: read ahead by this thread, changed by others, and written by this one in
//! the order of the file. What is on its way is bounded in bytes; a page that becomes many waits
//! for the pages before it to be written.

use std::{
    collections::VecDeque,
    io::Write,
    ops::ControlFlow,
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread::available_parallelism,
};

use super::{
    cells::{Done, empty_page},
    change::Column,
    chunk::Chunk,
    feed::{Feed, Next, Step, wrong_count},
    footer::invalid,
    memory::Memory,
    page::Header,
    window::Window,
    worker::{Task, Worker},
};
use crate::encryption::engine::{EngineError, Source, Totals};

/// How many steps are read ahead; what they take in memory is bounded by itself.
const AHEAD: usize = 256;

/// Where a chunk was written.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) start: u64,
    pub(super) length: u64,
    /// Its pages, where they were changed.
    pub(super) pages: Option<Vec<PagePlace>>,
}

/// Where a page was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct PagePlace {
    pub(super) start: u64,
    pub(super) length: u32,
    /// The number of its first row in the row group.
    pub(super) first_row: u64,
}

/// What is written to, and how far it is.
pub(super) struct Output<'p, W> {
    sink: W,
    pub(super) totals: Totals,
    progress: &'p (dyn Fn(Totals) -> ControlFlow<()> + Sync),
}

impl<'p, W: Write> Output<'p, W> {
    pub(super) fn new(sink: W, progress: &'p (dyn Fn(Totals) -> ControlFlow<()> + Sync)) -> Self {
        Self { sink, totals: Totals::default(), progress }
    }

    pub(super) fn tell(&self) -> Result<(), EngineError> {
        match (self.progress)(self.totals) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(EngineError::Stopped),
        }
    }
}

impl<W: Write> Write for Output<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.sink.write(bytes)?;
        self.totals.bytes_out += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.sink.flush()
    }
}

/// A page that others are to change, and where they put what it becomes.
struct Order {
    task: Task,
    reply: SyncSender<Reply>,
}

enum Reply {
    Page(Done),
    End,
    Failed(EngineError),
}

/// A step that is not written yet.
enum Flight {
    Step(Step),
    Page { reply: Receiver<Reply>, weight: usize, bytes: u64 },
}

/// Writes all row groups and returns where each chunk is.
pub(super) fn write<W: Write>(
    source: &dyn Source,
    mut feed: Feed<'_>,
    columns: &[Column],
    memory: Memory,
    out: &mut Output<'_, W>,
) -> Result<Vec<Place>, EngineError> {
    let (orders, queue) = channel();
    let queue = Mutex::new(queue);
    let threads =
        if columns.is_empty() { 0 } else { available_parallelism().map_or(1, usize::from) };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let worker = Worker::new(columns.to_vec(), memory)?;
            scope.spawn(|| serve(&queue, worker));
        }
        let writer = Writer { source, columns, memory, out, places: Vec::new(), open: None };
        writer.write_all(&mut feed, orders)
    })
}

fn serve(queue: &Mutex<Receiver<Order>>, mut worker: Worker) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Order { task, reply }) = next else { return };
        let done = worker.work(&task, |page| reply.send(Reply::Page(page)).is_ok());
        // Nobody listens any more when another page failed.
        let _ = reply.send(done.map_or_else(Reply::Failed, |()| Reply::End));
    }
}

struct Writer<'a, 'p, W> {
    source: &'a dyn Source,
    columns: &'a [Column],
    memory: Memory,
    out: &'a mut Output<'p, W>,
    places: Vec<Place>,
    /// The chunk whose pages are being written.
    open: Option<OpenPlace>,
}

struct OpenPlace {
    start: u64,
    rows: u64,
    values: u64,
    pages: Vec<PagePlace>,
}

impl<W: Write> Writer<'_, '_, W> {
    fn write_all(
        mut self,
        feed: &mut Feed<'_>,
        orders: Sender<Order>,
    ) -> Result<Vec<Place>, EngineError> {
        let (mut flights, mut weight, mut more) = (VecDeque::new(), 0, true);
        loop {
            while more && flights.len() < AHEAD {
                let free = if weight == 0 {
                    usize::MAX
                } else {
                    self.memory.flying.saturating_sub(weight)
                };
                match feed.next(free)? {
                    Next::Nothing => more = false,
                    Next::Full => break,
                    Next::Step(step) => {
                        let flight = launch(step, &orders);
                        if let Flight::Page { weight: own, .. } = &flight {
                            weight += own;
                        }
                        flights.push_back(flight);
                    }
                }
            }
            match flights.pop_front() {
                None => return Ok(self.places),
                Some(Flight::Step(step)) => self.write_step(step)?,
                Some(Flight::Page { reply, weight: own, bytes }) => {
                    self.write_pages(&reply)?;
                    weight -= own;
                    self.out.totals.bytes_in += bytes;
                }
            }
            self.out.tell()?;
        }
    }

    fn write_pages(&mut self, reply: &Receiver<Reply>) -> Result<(), EngineError> {
        loop {
            match reply.recv() {
                Ok(Reply::Page(page)) => self.write_page(&page)?,
                Ok(Reply::End) => return Ok(()),
                Ok(Reply::Failed(error)) => return Err(error),
                // The thread panicked, which the scope will say.
                Err(_) => return Err(EngineError::Stopped),
            }
        }
    }

    fn write_page(&mut self, page: &Done) -> Result<(), EngineError> {
        let start = self.out.totals.bytes_out;
        let open = self.open.get_or_insert_with(|| OpenPlace::new(start));
        if open.rows == 0 && page.continues {
            return Err(invalid("a row group begins within a row"));
        }
        let first_row = open.rows;
        open.pages.push(PagePlace { start, length: page.length() as u32, first_row });
        open.rows += page.rows;
        open.values += u64::from(page.count);
        self.out.write_all(&page.head)?;
        self.out.write_all(&page.values)?;
        self.out.totals.nulls += page.nulls;
        self.out.totals.cells += u64::from(page.count) - page.nulls;
        Ok(())
    }

    fn write_step(&mut self, step: Step) -> Result<(), EngineError> {
        match step {
            Step::Copy(chunk) => self.copy(chunk),
            Step::End { chunk, column, rows } => self.end(chunk, rows, &self.columns[column]),
            Step::Rows(rows) => {
                self.out.totals.rows += rows;
                Ok(())
            }
            Step::Page { .. } => unreachable!("a page was handed to another thread"),
        }
    }

    /// Copies a chunk as it is, but for looking whether its pages are where they should be: a
    /// position that is off by a few bytes would copy garbage that nobody notices for months.
    fn copy(&mut self, chunk: Chunk) -> Result<(), EngineError> {
        let start = self.out.totals.bytes_out;
        let mut window = Window::new(self.source, chunk.start, chunk.end, self.memory.step);
        let mut values = 0;
        while values < chunk.values {
            let (header, bytes) = Header::read(&mut window)?;
            values += if header.has_data() { u64::from(header.values) } else { 0 };
            self.out.write_all(&bytes)?;
            window.copy(header.compressed as u64, self.out)?;
            self.out.tell()?;
        }
        if values != chunk.values {
            return Err(wrong_count());
        }
        let rest = window.left();
        window.copy(rest, self.out)?;
        let length = chunk.end - chunk.start;
        self.out.totals.bytes_in += length;
        self.places.push(Place { start, length, pages: None });
        Ok(())
    }

    fn end(&mut self, chunk: Chunk, rows: u64, column: &Column) -> Result<(), EngineError> {
        if self.open.is_none() {
            self.write_page(&empty_page(&column.read))?;
        }
        let end = self.out.totals.bytes_out;
        let open = self.open.take().unwrap_or_else(|| OpenPlace::new(end));
        if open.values != chunk.values {
            return Err(wrong_count());
        }
        if open.rows != rows {
            return Err(invalid("a column has another number of rows than its row group"));
        }
        let length = end - open.start;
        self.places.push(Place { start: open.start, length, pages: Some(open.pages) });
        Ok(())
    }
}

impl OpenPlace {
    fn new(start: u64) -> Self {
        Self { start, rows: 0, values: 0, pages: Vec::new() }
    }
}

fn launch(step: Step, orders: &Sender<Order>) -> Flight {
    let Step::Page { task, waiting, weight } = step else { return Flight::Step(step) };
    // The word that there are no more takes a place too.
    let (send, reply) = sync_channel(waiting + 1);
    let bytes = (task.header.length + task.header.compressed) as u64;
    // If it cannot be sent, all threads have ended, which is seen when the reply is waited for.
    let _ = orders.send(Order { task, reply: send });
    Flight::Page { reply, weight, bytes }
}
