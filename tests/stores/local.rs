//! The adapters for the local disk.
