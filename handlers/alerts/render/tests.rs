//! Tests of what each channel is sent.
