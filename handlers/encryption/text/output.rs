//! Where rewritten records go, in order.

use std::{
    io::{self, Write},
    ops::ControlFlow,
};

use super::{
    compression::Compressor,
    counting::{Count, Counting},
    input::Input,
    rejects::Piece,
};
use crate::encryption::engine::{EngineError, Totals};

/// The output, its rejects, and who is told.
pub(crate) struct Output<'a, W: Write> {
    sink: Compressor<Counting<W>>,
    rejects: Option<&'a mut dyn Write>,
    progress: &'a (dyn Fn(Totals) -> ControlFlow<()> + Sync),
    totals: Totals,
    bytes_in: Count,
    bytes_out: Count,
}

impl<'a, W: Write> Output<'a, W> {
    /// Begins an output of the input's compression with the input's mark.
    pub(crate) fn begin(
        input: &Input<'_>,
        sink: W,
        rejects: Option<&'a mut dyn Write>,
        progress: &'a (dyn Fn(Totals) -> ControlFlow<()> + Sync),
    ) -> io::Result<Self> {
        let bytes_out = Count::default();
        let sink = Counting { inner: sink, count: bytes_out.clone() };
        let mut sink = Compressor::new(input.compression, sink)?;
        sink.write_all(&input.mark)?;
        let (totals, bytes_in) = (Totals::default(), input.bytes_in.clone());
        Ok(Self { sink, rejects, progress, totals, bytes_in, bytes_out })
    }

    /// Writes bytes that are not records.
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink.write_all(bytes)
    }

    /// Writes a rewritten chunk.
    pub(super) fn write(&mut self, piece: &Piece) -> Result<(), EngineError> {
        self.sink.write_all(&piece.bytes)?;
        if let Some(rejects) = self.rejects.as_mut() {
            rejects.write_all(&piece.rejects)?;
        }
        self.totals.rows += piece.totals.rows;
        self.totals.cells += piece.totals.cells;
        self.totals.nulls += piece.totals.nulls;
        self.totals.rejected += piece.totals.rejected;
        match (self.progress)(self.so_far()) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(EngineError::Stopped),
        }
    }

    fn so_far(&self) -> Totals {
        Totals { bytes_in: self.bytes_in.get(), bytes_out: self.bytes_out.get(), ..self.totals }
    }

    /// Writes what is still held.
    pub(crate) fn finish(mut self) -> Result<Totals, EngineError> {
        if let Some(rejects) = self.rejects.as_mut() {
            rejects.flush()?;
        }
        let (totals, bytes_in, bytes_out) = (self.totals, self.bytes_in, self.bytes_out);
        self.sink.finish()?;
        Ok(Totals { bytes_in: bytes_in.get(), bytes_out: bytes_out.get(), ..totals })
    }
}
