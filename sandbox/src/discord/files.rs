//! The bytes of attachments, one file each.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{
    id::{Id, Ids},
    model::Attachment,
};

/// The folder of attachments.
#[derive(Debug)]
pub struct Files(PathBuf);

/// A file that somebody sends.
#[derive(Clone, Debug)]
pub struct Upload {
    /// As the sender named it.
    pub name: String,
    /// As the sender stated it.
    pub content_type: Option<String>,
    /// Alternative text.
    pub description: Option<String>,
    /// The content.
    pub bytes: Bytes,
}

impl Files {
    /// Attachments below `dir`, which is made when it is missing.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let folder = dir.join("attachments");
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    /// Writes a file and describes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, ids: &Ids, upload: Upload) -> io::Result<Attachment> {
        let id = ids.next();
        fs::write(self.path(id), &upload.bytes)?;
        let stated = upload.content_type.filter(|kind| kind != "application/octet-stream");
        Ok(Attachment {
            id,
            filename: safe(&upload.name),
            description: upload.description,
            content_type: stated.or_else(|| by_extension(&upload.name).map(str::to_owned)),
            size: upload.bytes.len(),
            sha256: hex::encode(Sha256::digest(&upload.bytes)),
            dimensions: png_dimensions(&upload.bytes),
            duration_s: None,
            waveform: None,
        })
    }

    /// Writes bytes under a new id, which is all that is known of them.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn keep_bytes(&self, ids: &Ids, bytes: &[u8]) -> io::Result<Id> {
        let id = ids.next();
        fs::write(self.path(id), bytes)?;
        Ok(id)
    }

    /// The bytes of an attachment or sticker.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(&self, id: Id) -> io::Result<Vec<u8>> {
        fs::read(self.path(id))
    }

    fn path(&self, id: Id) -> PathBuf {
        self.0.join(id.to_string())
    }
}

/// Discord keeps letters, digits, dot, dash and underscore, and writes an underscore for the rest.
fn safe(name: &str) -> String {
    let kept: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' }).collect();
    if kept.is_empty() { "unknown".to_owned() } else { kept }
}

fn by_extension(name: &str) -> Option<&'static str> {
    let kind = match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "json" => "application/json; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    };
    Some(kind)
}

fn png_dimensions(bytes: &[u8]) -> Option<(u32, u32)> {
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return None;
    }
    let number = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    Some((number(16)?, number(20)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_safe_and_types_are_guessed() {
        assert_eq!(safe("a b\u{e9}/../x.png"), "a_b__.._x.png");
        assert_eq!(safe(""), "unknown");
        assert_eq!(by_extension("X.PNG"), Some("image/png"));
        assert_eq!(by_extension("none"), None);
    }

    #[test]
    fn a_picture_knows_its_size() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend([0, 0, 0, 3, 0, 0, 1, 0]);
        assert_eq!(png_dimensions(&png), Some((3, 256)));
        assert_eq!(png_dimensions(b"GIF89a"), None);
    }
}
