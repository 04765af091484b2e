//! Fetching an attachment: the message is read again, because a file reference expires and a message id does not.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use domain::{Media, message::MediaSource};
use grammers_tl_types::{
    enums::{self, InputFileLocation},
    functions, types,
};
use store::avatars::Portrait;

use super::{
    account::Account,
    errors::{CallError, retryable},
    history::message_number,
    media::location,
};
use crate::platform::{ByteSink, PlatformError};

/// Telegram's largest chunk.
const CHUNK_BYTES: i32 = 512 * 1024;
/// The largest picture of a person: Telegram makes them of at most 640 pixels a side.
const PORTRAIT_BYTES_MAX: u64 = 1024 * 1024;
/// A wait of at most so long is sat out in the middle of a file (Telegram slows accounts without Premium down by waits of
/// a few seconds); after a longer one the file is fetched anew.
const WAIT_IN_PLACE: Duration = Duration::from_secs(30);
/// So many such waits in a row mean that nothing comes at all.
const WAITS_MAX: usize = 5;
/// How often an expired file reference is renewed within one download.
const RENEWALS_MAX: usize = 2;

impl Account {
    /// Writes the bytes of `media`, at most `bytes_max`, and says how many there were.
    pub(super) async fn download(
        &self,
        media: &Media,
        bytes_max: u64,
        sink: &mut dyn ByteSink,
    ) -> Result<u64, PlatformError> {
        let MediaSource::TelegramMessage { chat, message_id } = media.source else {
            return Err(refused("wrong_platform", "this attachment is not on Telegram"));
        };
        if media.size_bytes > bytes_max {
            return Err(too_large());
        }
        let mut target = Target { sink, written: 0, bytes_max };
        for _ in 0..=RENEWALS_MAX {
            let message = self.message(chat, message_id).await?;
            let found = message.and_then(|message| location(message.media.as_ref()));
            let (place, dc) =
                found.ok_or_else(|| refused("media_gone", "the message does not hold a file any more"))?;
            match self.fetch(&place, dc, &mut target).await {
                Ok(()) => return Ok(target.written),
                Err(error) if error.is("FILE_REFERENCE_EXPIRED") => {}
                Err(error) => return Err(self.link.refused_read(error.into()).await),
            }
        }
        Err(retryable("file_reference_expired", "the file's reference expires faster than it can be read"))
    }

    /// The picture that a person wears. Somebody whom the account knows from a message only is addressed by it.
    pub(super) async fn portrait(&self, portrait: &Portrait) -> Result<Bytes, PlatformError> {
        let peer = match self.known_user(portrait.person) {
            Some(enums::InputUser::UserSelf) => enums::InputPeer::PeerSelf,
            Some(enums::InputUser::User(user)) => {
                types::InputPeerUser { user_id: user.user_id, access_hash: user.access_hash }.into()
            }
            _ => types::InputPeerUserFromMessage {
                peer: self.input_peer(portrait.chat).await?,
                msg_id: message_number(portrait.message_id)?,
                user_id: portrait.person,
            }
            .into(),
        };
        let place = types::InputPeerPhotoFileLocation { big: true, peer, photo_id: portrait.photo_id }.into();
        let mut bytes = BytesMut::new();
        let mut target = Target { sink: &mut bytes, written: 0, bytes_max: PORTRAIT_BYTES_MAX };
        match self.fetch(&place, 0, &mut target).await {
            Ok(()) => Ok(bytes.freeze()),
            Err(error) => Err(self.link.refused_read(error.into()).await),
        }
    }

    /// Goes on after what `target` already has.
    async fn fetch(&self, place: &InputFileLocation, dc: i32, target: &mut Target<'_>) -> Result<(), CallError> {
        let mut dc = if dc > 0 { dc } else { self.link.session().home() };
        let mut waits = 0;
        loop {
            self.link.authorise_in(dc).await?;
            let offset = i64::try_from(target.written).unwrap_or(i64::MAX);
            let request = functions::upload::GetFile {
                precise: false,
                cdn_supported: false,
                location: place.clone(),
                offset,
                limit: CHUNK_BYTES,
            };
            let chunk = match self.link.call_in(dc, &request).await {
                Ok(enums::upload::File::File(file)) => file.bytes,
                Ok(enums::upload::File::CdnRedirect(_)) => {
                    return Err(CallError::Link(refused("cdn_file", "the file is on a CDN that we did not ask for")));
                }
                Err(error) => match error.migrate_to() {
                    Some(other) if other != dc => {
                        dc = other;
                        continue;
                    }
                    _ => match error.wait().filter(|wait| *wait <= WAIT_IN_PLACE && waits < WAITS_MAX) {
                        Some(wait) => {
                            waits += 1;
                            tokio::time::sleep(wait).await;
                            continue;
                        }
                        None => return Err(error),
                    },
                },
            };
            waits = 0;
            let short = i32::try_from(chunk.len()).is_ok_and(|length| length < CHUNK_BYTES);
            target.write(chunk).await.map_err(CallError::Link)?;
            if short {
                return Ok(());
            }
        }
    }
}

/// What has been written of one download.
struct Target<'a> {
    sink: &'a mut dyn ByteSink,
    written: u64,
    bytes_max: u64,
}

impl Target<'_> {
    async fn write(&mut self, chunk: Vec<u8>) -> Result<(), PlatformError> {
        let written = self.written + u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        if written > self.bytes_max {
            return Err(too_large());
        }
        self.sink.write(chunk.into()).await?;
        self.written = written;
        Ok(())
    }
}

fn refused(code: &str, detail: &str) -> PlatformError {
    PlatformError::Message { code: code.to_owned(), detail: detail.to_owned() }
}

fn too_large() -> PlatformError {
    refused("media_too_large", "the attachment is larger than the destination takes")
}
