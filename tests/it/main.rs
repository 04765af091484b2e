//! End-to-end tests.
mod imports;
