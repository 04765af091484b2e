//! An attachment's bytes between a platform and PostgreSQL: one piece in memory at a time.

use std::fmt;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use domain::MediaId;
use store::{PgPool, StoreError, media::chunks, seal::Sealer};

use crate::{
    context::Context,
    platform::{ByteSink, ByteSource, CHUNK_BYTES, PlatformError},
};

const _: () = assert!(CHUNK_BYTES == chunks::CHUNK_BYTES, "what is written must be read in the same pieces");

/// Writes a fetched attachment, from its beginning.
pub(crate) struct Pieces<'a> {
    context: &'a Context,
    media: MediaId,
    rest: BytesMut,
    place: i32,
    stored_bytes: i64,
}

impl<'a> Pieces<'a> {
    /// Begins anew: what an interrupted fetch has left is forgotten.
    pub(crate) async fn begin(context: &'a Context, media: MediaId) -> Result<Self, StoreError> {
        let mut database = context.database().await?;
        chunks::clear(&mut database, media).await?;
        Ok(Self { context, media, rest: BytesMut::new(), place: 0, stored_bytes: 0 })
    }

    /// Writes what is left over, and says how many bytes there are.
    pub(crate) async fn end(mut self) -> Result<i64, PlatformError> {
        if !self.rest.is_empty() {
            let rest = self.rest.split().freeze();
            self.put(&rest).await?;
        }
        Ok(self.stored_bytes)
    }

    async fn put(&mut self, piece: &Bytes) -> Result<(), PlatformError> {
        let stored_bytes = self.stored_bytes + i64::try_from(piece.len()).unwrap_or(i64::MAX);
        let mut database = self.context.database().await.map_err(|error| lost(&error))?;
        let sealer = &self.context.sealer;
        let awaited = chunks::write(&mut database, sealer, self.media, self.place, piece, stored_bytes).await;
        if !awaited.map_err(|error| lost(&error))? {
            let detail = "the attachment is not waited for any more".to_owned();
            return Err(PlatformError::Retryable { code: "media_settled".to_owned(), detail });
        }
        self.place = self.place.saturating_add(1);
        self.stored_bytes = stored_bytes;
        Ok(())
    }
}

#[async_trait]
impl ByteSink for Pieces<'_> {
    async fn write(&mut self, bytes: Bytes) -> Result<(), PlatformError> {
        self.rest.extend_from_slice(&bytes);
        while self.rest.len() >= CHUNK_BYTES {
            let piece = self.rest.split_to(CHUNK_BYTES).freeze();
            self.put(&piece).await?;
        }
        Ok(())
    }
}

/// Reads a kept attachment.
#[derive(Clone)]
pub(crate) struct Kept {
    /// The database.
    pub pool: PgPool,
    /// Opens the pieces.
    pub sealer: Sealer,
    /// Which attachment.
    pub media: MediaId,
    /// How many bytes it has.
    pub size_bytes: u64,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({}, {} bytes)", self.media, self.size_bytes)
    }
}

#[async_trait]
impl ByteSource for Kept {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    async fn chunk(&self, index: u64) -> Result<Bytes, PlatformError> {
        let piece_bytes = u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX);
        if index.saturating_mul(piece_bytes) >= self.size_bytes {
            return Ok(Bytes::new());
        }
        let place = i32::try_from(index).unwrap_or(i32::MAX);
        let mut database = self.pool.acquire().await.map_err(|error| lost(&error.into()))?;
        let piece = chunks::read(&mut database, &self.sealer, self.media, place).await;
        let piece = piece.map_err(|error| lost(&error))?;
        let gone = || PlatformError::Retryable {
            code: "media_gone".to_owned(),
            detail: "the attachment's bytes are not here any more".to_owned(),
        };
        piece.map(Bytes::from).ok_or_else(gone)
    }
}

fn lost(error: &StoreError) -> PlatformError {
    PlatformError::Retryable { code: "database".to_owned(), detail: crate::chain(error) }
}
