//! The bytes of attachments, piece by piece.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use super::PlatformError;

/// Bytes of an attachment move in pieces of this size: Telegram's largest part.
pub const CHUNK_BYTES: usize = 512 * 1024;

/// Where an attachment's bytes come from, piece by piece, so that no file is whole in memory. Reading again from any
/// piece gives the same bytes.
#[async_trait]
pub trait ByteSource: Send + Sync + fmt::Debug {
    /// How many bytes there are.
    fn size_bytes(&self) -> u64;

    /// Piece `index`, counted from 0: [`CHUNK_BYTES`] bytes, the last one fewer; empty past the end.
    async fn chunk(&self, index: u64) -> Result<Bytes, PlatformError>;
}

/// Where an attachment's bytes go, piece by piece and in order.
#[async_trait]
pub trait ByteSink: Send {
    /// Takes the next bytes, however many.
    async fn write(&mut self, bytes: Bytes) -> Result<(), PlatformError>;
}

/// Bytes that are in memory: small files, tests.
#[async_trait]
impl ByteSource for Bytes {
    fn size_bytes(&self) -> u64 {
        u64::try_from(self.len()).unwrap_or(u64::MAX)
    }

    async fn chunk(&self, index: u64) -> Result<Bytes, PlatformError> {
        let start = usize::try_from(index).unwrap_or(usize::MAX).saturating_mul(CHUNK_BYTES).min(self.len());
        Ok(self.slice(start..self.len().min(start.saturating_add(CHUNK_BYTES))))
    }
}

#[async_trait]
impl ByteSink for bytes::BytesMut {
    async fn write(&mut self, bytes: Bytes) -> Result<(), PlatformError> {
        self.extend_from_slice(&bytes);
        Ok(())
    }
}
