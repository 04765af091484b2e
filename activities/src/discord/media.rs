//! Fetching attachments.

use domain::message::{Media, MediaSource};
use serde::Deserialize;
use serenity::http::Route;
use url::Url;

use crate::platform::{ByteSink, PlatformError};

use super::errors::{message, retryable, transport};
use super::rest::{Rest, TRANSFER_LIMIT};
use super::snowflake;

/// Where Discord keeps attachments. A URL elsewhere is never fetched.
const HOSTS: [&str; 2] = ["cdn.discordapp.com", "media.discordapp.net"];

/// Fetches the attachment, at most `bytes_max` bytes. Its URL is signed and expires; a refused one is looked up again
/// in the message, once.
pub(super) async fn download(
    rest: &Rest,
    media: &Media,
    bytes_max: u64,
    sink: &mut dyn ByteSink,
) -> Result<u64, PlatformError> {
    if media.size_bytes > bytes_max {
        return Err(too_large(bytes_max));
    }
    let (chat, message_id, attachment_id, url) = match &media.source {
        MediaSource::DiscordAttachment { chat, message_id, attachment_id, url } => {
            (chat, message_id, attachment_id, url)
        }
        // Stickers keep their address for good.
        MediaSource::PublicUrl { url } => return fetch(rest, url, bytes_max, sink).await?.ok_or_else(gone),
        _ => return Err(message("wrong_platform", "the attachment is not on Discord")),
    };
    if let Some(written) = fetch(rest, url, bytes_max, sink).await? {
        return Ok(written);
    }
    let route =
        Route::ChannelMessage { channel_id: snowflake::channel(*chat)?, message_id: snowflake::message(*message_id) };
    let holder: Holder = match rest.get(route, Vec::new()).await {
        Err(PlatformError::Message { code, .. }) if code == "unknown_message" => return Err(gone()),
        answer => answer?,
    };
    let fresh = holder.url_of(*attachment_id).ok_or_else(gone)?;
    fetch(rest, &fresh, bytes_max, sink).await?.ok_or_else(gone)
}

/// `None` when the server says that there is nothing (any more) under this URL.
async fn fetch(rest: &Rest, url: &str, bytes_max: u64, sink: &mut dyn ByteSink) -> Result<Option<u64>, PlatformError> {
    let url = checked(url)?;
    let work = async {
        let mut response = rest.files().get(url).send().await.map_err(|error| transport(&error))?;
        match response.status().as_u16() {
            200 => (),
            403 | 404 | 410 => return Ok(None),
            status => return Err(retryable("server_error", format!("status {status} for an attachment"))),
        }
        if response.content_length().is_some_and(|length| length > bytes_max) {
            return Err(too_large(bytes_max));
        }
        let mut written = 0_u64;
        while let Some(chunk) = response.chunk().await.map_err(|error| transport(&error))? {
            written = written.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            if written > bytes_max {
                return Err(too_large(bytes_max));
            }
            sink.write(chunk).await?;
        }
        Ok(Some(written))
    };
    tokio::time::timeout(TRANSFER_LIMIT, work)
        .await
        .unwrap_or_else(|_| Err(retryable("timeout", "the attachment did not arrive in time")))
}

fn checked(url: &str) -> Result<Url, PlatformError> {
    Url::parse(url)
        .ok()
        .filter(|url| url.scheme() == "https" && url.host_str().is_some_and(|host| HOSTS.contains(&host)))
        .ok_or_else(|| message("media_foreign", "the attachment is not on one of Discord's hosts"))
}

fn too_large(bytes_max: u64) -> PlatformError {
    message("media_too_large", format!("larger than {bytes_max} bytes"))
}

fn gone() -> PlatformError {
    message("media_gone", "the attachment is no longer on Discord")
}

/// As much of a message as its attachments' addresses need.
#[derive(Deserialize)]
struct Holder {
    #[serde(default)]
    attachments: Vec<Held>,
    #[serde(default)]
    message_snapshots: Vec<Snapshot>,
}

#[derive(Deserialize)]
struct Snapshot {
    message: Snapped,
}

#[derive(Deserialize)]
struct Snapped {
    #[serde(default)]
    attachments: Vec<Held>,
}

#[derive(Deserialize)]
struct Held {
    id: String,
    url: String,
}

impl Holder {
    fn url_of(self, attachment_id: i64) -> Option<String> {
        let forwarded = self.message_snapshots.into_iter().flat_map(|snapshot| snapshot.message.attachments);
        self.attachments
            .into_iter()
            .chain(forwarded)
            .find(|held| held.id.parse() == Ok(attachment_id))
            .map(|held| held.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_discords_hosts_are_asked() {
        for (url, good) in [
            ("https://cdn.discordapp.com/attachments/1/2/a.png?ex=1", true),
            ("https://media.discordapp.net/attachments/1/2/a.png", true),
            ("http://cdn.discordapp.com/a.png", false),
            ("https://cdn.discordapp.com.example/a.png", false),
            ("https://169.254.169.254/", false),
            ("file:///etc/passwd", false),
            ("", false),
        ] {
            assert_eq!(checked(url).is_ok(), good, "{url}");
        }
    }

    #[test]
    fn a_fresh_address_is_found_in_the_message_or_in_what_it_forwards() {
        let holder = || -> Holder {
            serde_json::from_value(serde_json::json!({
                "attachments": [{"id": "1", "url": "own"}],
                "message_snapshots": [{"message": {"attachments": [{"id": "2", "url": "forwarded"}]}}]
            }))
            .unwrap()
        };
        assert_eq!(holder().url_of(1).as_deref(), Some("own"));
        assert_eq!(holder().url_of(2).as_deref(), Some("forwarded"));
        assert_eq!(holder().url_of(3), None);
    }
}
