//! Addresses of attachments: signed and valid for a day, like Discord's.

use sha2::{Digest, Sha256};

use super::{clock::now_ms, id::Id, model::Attachment};

/// Host name of attachments; clients reach the TLS listener under it.
const HOST: &str = "https://cdn.discordapp.com";

/// How long an address works, in seconds.
const VALID_S: u64 = 24 * 60 * 60;

/// Signs and checks addresses.
#[derive(Clone, Debug)]
pub struct Links {
    secret: String,
}

impl Links {
    /// Addresses signed with `secret`.
    #[must_use]
    pub const fn new(secret: String) -> Self {
        Self { secret }
    }

    /// Where an attachment can be fetched from now until tomorrow.
    #[must_use]
    pub fn url(&self, channel: Id, attachment: &Attachment) -> String {
        let path = path(channel, attachment.id, &attachment.filename);
        let issued = now_ms() / 1000;
        let expires = issued + VALID_S;
        format!("{HOST}{path}?ex={expires:x}&is={issued:x}&hm={}&", self.sign(&path, expires))
    }

    /// Whether an address was issued here and still works.
    #[must_use]
    pub fn accepts(&self, path: &str, expires: &str, signature: &str) -> bool {
        let Ok(expires) = u64::from_str_radix(expires, 16) else { return false };
        expires * 1000 >= now_ms() && signature == self.sign(path, expires)
    }

    fn sign(&self, path: &str, expires: u64) -> String {
        hex::encode(Sha256::digest(format!("{}\n{path}\n{expires}", self.secret)))
    }
}

fn path(channel: Id, attachment: Id, filename: &str) -> String {
    format!("/attachments/{channel}/{attachment}/{filename}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_untouched_address_is_accepted() {
        let links = Links::new("secret".to_owned());
        let attachment = Attachment {
            id: Id(2),
            filename: "a.png".to_owned(),
            description: None,
            content_type: None,
            size: 0,
            sha256: String::new(),
            dimensions: None,
            duration_s: None,
            waveform: None,
        };
        let url = url::Url::parse(&links.url(Id(1), &attachment)).unwrap();
        let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert!(links.accepts(url.path(), &query["ex"], &query["hm"]));
        assert!(!links.accepts("/attachments/1/3/a.png", &query["ex"], &query["hm"]));
        assert!(!links.accepts(url.path(), "1", &links.sign(url.path(), 1)));
        assert!(!Links::new("other".to_owned()).accepts(url.path(), &query["ex"], &query["hm"]));
    }
}
