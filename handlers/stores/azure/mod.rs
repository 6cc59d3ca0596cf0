//! The adapters for Azure Storage.
