//! The bytes of photos and documents: parts while they are uploaded, whole files by their hash afterwards.

use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::clock;
use super::net::crypto::{random, sha256};
use super::world::model::{File, FileKind};

/// What is known of a file before it is stored.
#[derive(Clone, Debug)]
pub(crate) struct NewFile {
    pub(crate) kind: FileKind,
    pub(crate) name: String,
    pub(crate) mime: String,
    /// A document's attributes, serialised; empty for none.
    pub(crate) attributes: Vec<u8>,
}

/// Stores the bytes under their hash; written beside and renamed, so that a kill leaves no half of a file.
pub(crate) fn store(folder: &Path, id: i64, new: NewFile, bytes: &[u8]) -> io::Result<File> {
    let hash = hex::encode(sha256(&[bytes]));
    let path = path(folder, &hash);
    if !path.exists() {
        let draft = path.with_extension(hex::encode(random::<8>()));
        fs::write(&draft, bytes)?;
        fs::rename(&draft, &path)?;
    }
    let (width, height) = dimensions(bytes).unwrap_or((0, 0));
    Ok(File {
        id,
        access_hash: i64::from_le_bytes(random()),
        kind: new.kind,
        name: new.name,
        mime: new.mime,
        size: bytes.len() as i64,
        sha256: hash,
        date: clock::now(),
        width,
        height,
        attributes: new.attributes,
    })
}

/// Reads at most `limit` bytes from `offset`; fewer at the end.
pub(crate) fn read(folder: &Path, hash: &str, offset: u64, limit: u64) -> io::Result<Vec<u8>> {
    let mut file = fs::File::open(path(folder, hash))?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Keeps one part of an upload.
pub(crate) fn save_part(folder: &Path, owner: i64, file_id: i64, part: i32, bytes: &[u8]) -> io::Result<()> {
    let parts = parts(folder, owner, file_id);
    fs::create_dir_all(&parts)?;
    let draft = parts.join(format!("{part}.new"));
    fs::write(&draft, bytes)?;
    fs::rename(draft, parts.join(part.to_string()))
}

/// Puts an upload's parts together. Err holds the number of the first missing part.
pub(crate) fn join_parts(folder: &Path, owner: i64, file_id: i64, count: i32) -> Result<Vec<u8>, i32> {
    let parts = parts(folder, owner, file_id);
    let mut whole = Vec::new();
    for part in 0..count {
        let bytes = fs::read(parts.join(part.to_string())).map_err(|_| part)?;
        whole.extend(bytes);
    }
    Ok(whole)
}

/// Forgets an upload's parts; what is left over after a failure only takes room.
pub(crate) fn drop_parts(folder: &Path, owner: i64, file_id: i64) {
    if let Err(error) = fs::remove_dir_all(parts(folder, owner, file_id)) {
        tracing::debug!(error = &error as &dyn std::error::Error, "Parts of an upload could not be removed.");
    }
}

/// Width and height of a JPEG, PNG, GIF or WebP picture; None for anything else.
pub(crate) fn dimensions(bytes: &[u8]) -> Option<(i32, i32)> {
    let be16 = |at: usize| Some(i32::from(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?)));
    let le16 = |at: usize| Some(i32::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?)));
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some((be16(18)?, be16(22)?)),
        [b'G', b'I', b'F', b'8', ..] => Some((le16(6)?, le16(8)?)),
        [0xff, 0xd8, ..] => jpeg_dimensions(bytes),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
            // The simple lossy form states its size; the others are rare enough to be given a square.
            match bytes.get(12..16)? {
                b"VP8 " => Some((le16(26)? & 0x3fff, le16(28)? & 0x3fff)),
                _ => Some((512, 512)),
            }
        }
        _ => None,
    }
}

fn jpeg_dimensions(bytes: &[u8]) -> Option<(i32, i32)> {
    let mut at = 2;
    loop {
        let marker = *bytes.get(at + 1)?;
        let length = usize::from(u16::from_be_bytes(*bytes.get(at + 2..)?.first_chunk()?));
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            let side = |at: usize| Some(i32::from(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?)));
            return Some((side(at + 7)?, side(at + 5)?));
        }
        at += 2 + length;
    }
}

fn path(folder: &Path, hash: &str) -> PathBuf {
    folder.join("files").join(hash)
}

fn parts(folder: &Path, owner: i64, file_id: i64) -> PathBuf {
    folder.join("parts").join(format!("{owner}-{file_id}"))
}

#[cfg(test)]
mod tests {
    use super::dimensions;

    #[test]
    fn pictures_state_their_size() {
        let png = [&[0x89, b'P', b'N', b'G', 13, 10, 26, 10, 0, 0, 0, 13][..], b"IHDR", &[0, 0, 1, 44, 0, 0, 0, 200]]
            .concat();
        assert_eq!(dimensions(&png), Some((300, 200)));
        let jpeg = [0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc0, 0, 17, 8, 0, 200, 1, 44, 3];
        assert_eq!(dimensions(&jpeg), Some((300, 200)));
        assert_eq!(dimensions(b"GIF89a\x2c\x01\xc8\x00"), Some((300, 200)));
        assert_eq!(dimensions(b"plain text"), None);
        assert_eq!(dimensions(&[0xff, 0xd8, 0xff]), None);
    }
}
