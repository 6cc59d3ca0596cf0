//! One thread reads and cuts, some rewrite, the caller's writes. Chunks go to the rewriting
//! threads in turn and are taken from them in turn, which keeps the order.

use std::{
    io::Write,
    sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    thread,
};

use super::{
    chunks::{Chunk, Chunks, Format},
    output::Output,
    rejects::Piece,
};
use crate::encryption::engine::EngineError;

/// More threads than this wait for the one that reads.
const MOST_WORKERS: usize = 4;

/// Rewrites the records of a chunk.
pub(crate) trait Rewrite: Send {
    /// Appends to the piece.
    ///
    /// # Errors
    /// A record that cannot be rewritten and may not be rejected.
    fn rewrite(&mut self, chunk: &Chunk, piece: &mut Piece) -> Result<(), EngineError>;
}

/// One for each core.
pub(crate) fn workers<T: Clone>(one: &T) -> Vec<T> {
    let count = thread::available_parallelism().map_or(1, usize::from).min(MOST_WORKERS);
    vec![one.clone(); count]
}

/// Rewrites `first`, which was cut off before, and all chunks after it.
///
/// # Errors
/// Reading, rewriting or writing fails; what is written by then is worth nothing.
pub(crate) fn run<F: Format, T: Rewrite, W: Write>(
    first: Option<Chunk>,
    chunks: Chunks<'_, F>,
    workers: Vec<T>,
    memory: usize,
    output: &mut Output<'_, W>,
) -> Result<(), EngineError> {
    thread::scope(|scope| {
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for worker in workers {
            let (input, chunks) = sync_channel(1);
            let (pieces, output) = sync_channel(1);
            scope.spawn(|| work(worker, chunks, pieces));
            inputs.push(input);
            outputs.push(output);
        }
        let (written, budget) = Budget::new(memory / 32);
        let cutter = scope.spawn(|| feed(first, chunks, inputs, budget));
        write(outputs, written, output)?;
        cutter.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Ends without an error when the writer has gone: it knows why.
fn feed<F: Format>(
    mut first: Option<Chunk>,
    mut chunks: Chunks<'_, F>,
    inputs: Vec<SyncSender<Chunk>>,
    mut budget: Budget,
) -> Result<(), EngineError> {
    for input in inputs.iter().cycle() {
        let chunk = match first.take() {
            Some(chunk) => Some(chunk),
            None => chunks.next()?,
        };
        let Some(chunk) = chunk else { break };
        if !budget.take(chunk.bytes.len()) || input.send(chunk).is_err() {
            break;
        }
    }
    Ok(())
}

type Rewritten = (usize, Result<Piece, EngineError>);

fn work<T: Rewrite>(mut worker: T, chunks: Receiver<Chunk>, pieces: SyncSender<Rewritten>) {
    for chunk in chunks {
        let mut piece = Piece::default();
        piece.bytes.reserve(chunk.bytes.len());
        let result = worker.rewrite(&chunk, &mut piece).map(|()| piece);
        if pieces.send((chunk.bytes.len(), result)).is_err() {
            break;
        }
    }
}

fn write<W: Write>(
    outputs: Vec<Receiver<Rewritten>>,
    written: Sender<usize>,
    output: &mut Output<'_, W>,
) -> Result<(), EngineError> {
    for pieces in outputs.iter().cycle() {
        // A thread whose turn it is and that has ended had no chunk; then no other has one.
        let Ok((length, piece)) = pieces.recv() else { break };
        output.write(&piece?)?;
        // The reading thread may have ended.
        let _ = written.send(length);
    }
    Ok(())
}

/// Bytes under way. A chunk that is larger than all of it goes alone.
struct Budget {
    size: usize,
    taken: usize,
    given_back: Receiver<usize>,
}

impl Budget {
    fn new(size: usize) -> (Sender<usize>, Self) {
        let (sender, given_back) = channel();
        (sender, Self { size, taken: 0, given_back })
    }

    /// Waits until so many bytes are free; false if nobody gives back any more.
    fn take(&mut self, bytes: usize) -> bool {
        while self.taken > 0 && self.taken + bytes > self.size {
            match self.given_back.recv() {
                Ok(back) => self.taken -= back,
                Err(_) => return false,
            }
        }
        self.taken += bytes;
        true
    }
}
