//! The mails, in memory and on disk: one JSON record per line, appended before the mail is acknowledged.
//!
//! A record reaches the operating system with one write, so a killed process loses nothing that it answered; a line
//! that was cut in the middle of that write is left out when the file is read again.

use std::{
    fs::{self, File, OpenOptions},
    io::{Error, Result, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::clock::now_ms;

const NAME: &str = "mails.jsonl";

/// More are not kept: something goes round in a circle.
const MAILS_MAX: usize = 50_000;

/// One mail as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Numbered as they came.
    pub id: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Who sends it, by the envelope.
    pub from: String,
    /// Who gets it, by the envelope, in lower case.
    pub to: Vec<String>,
    /// The whole mail, in base64.
    raw: String,
}

impl Mail {
    /// The whole mail.
    #[must_use]
    pub fn raw(&self) -> Vec<u8> {
        STANDARD.decode(&self.raw).unwrap_or_default()
    }

    /// True when it goes to this address, in any case; to anybody without one.
    #[must_use]
    pub fn is_to(&self, address: Option<&str>) -> bool {
        address.is_none_or(|address| self.to.iter().any(|to| to.eq_ignore_ascii_case(address)))
    }
}

/// All mails, oldest first.
#[derive(Debug)]
pub struct Mailbox {
    path: PathBuf,
    file: File,
    mails: Vec<Mail>,
    last: u64,
}

impl Mailbox {
    /// Opens what `dir` holds.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds a line that is not a mail.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(NAME);
        let bytes = if path.exists() { fs::read(&path)? } else { Vec::new() };
        let text = String::from_utf8_lossy(&bytes);
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mails = whole.lines().map(serde_json::from_str::<Mail>).collect::<std::result::Result<Vec<_>, _>>();
        let mails = mails.with_context(|| format!("{} holds a line that is not a mail", path.display()))?;
        let last = mails.last().map_or(0, |mail| mail.id);
        let file = rewritten(&path, &mails)?;
        Ok(Self { path, file, mails, last })
    }

    /// Keeps one more; its number.
    ///
    /// # Errors
    /// When the disk or the mailbox is full; then nothing was changed.
    pub fn keep(&mut self, from: String, to: Vec<String>, raw: &[u8]) -> Result<u64> {
        if self.mails.len() >= MAILS_MAX {
            return Err(Error::other("the mailbox is full"));
        }
        let mail = Mail { id: self.last + 1, at_ms: now_ms(), from, to, raw: STANDARD.encode(raw) };
        self.file.write_all(&line(&mail)?)?;
        self.last = mail.id;
        self.mails.push(mail);
        Ok(self.last)
    }

    /// Those to an address, or all.
    pub fn to(&self, address: Option<&str>) -> impl Iterator<Item = &Mail> {
        self.mails.iter().filter(move |mail| mail.is_to(address))
    }

    /// The one of this number.
    #[must_use]
    pub fn find(&self, id: u64) -> Option<&Mail> {
        self.mails.iter().find(|mail| mail.id == id)
    }

    /// Forgets those to an address, or all; how many.
    ///
    /// # Errors
    /// When the file cannot be written; then nothing was changed.
    pub fn clear(&mut self, address: Option<&str>) -> Result<usize> {
        let left: Vec<Mail> = self.mails.iter().filter(|mail| !mail.is_to(address)).cloned().collect();
        self.file = rewritten(&self.path, &left)?;
        let cleared = self.mails.len() - left.len();
        self.mails = left;
        Ok(cleared)
    }
}

fn line(mail: &Mail) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(mail)?;
    line.push(b'\n');
    Ok(line)
}

/// Puts the file in place with these mails alone, open for more.
fn rewritten(path: &Path, mails: &[Mail]) -> Result<File> {
    let fresh = path.with_extension("new");
    let mut bytes = Vec::new();
    for mail in mails {
        bytes.extend(line(mail)?);
    }
    fs::write(&fresh, bytes)?;
    fs::rename(&fresh, path)?;
    OpenOptions::new().append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(mailbox: &mut Mailbox, to: &str) -> u64 {
        mailbox.keep("a@b.co".into(), vec![to.into()], b"Subject: x\r\n\r\n\xff").unwrap()
    }

    #[test]
    fn mails_are_there_again_and_a_cut_line_is_left_out() {
        let dir = std::env::temp_dir().join(format!("causeway-mailbox-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let mut mailbox = Mailbox::open(&dir).unwrap();
        assert_eq!((keep(&mut mailbox, "one@b.co"), keep(&mut mailbox, "two@b.co")), (1, 2));
        mailbox.file.write_all(b"{\"id\":3").unwrap();
        drop(mailbox);
        let mut mailbox = Mailbox::open(&dir).unwrap();
        assert_eq!(mailbox.to(None).count(), 2);
        assert_eq!(mailbox.to(Some("TWO@b.co")).map(Mail::raw).next().unwrap(), b"Subject: x\r\n\r\n\xff");
        assert_eq!(mailbox.clear(Some("one@b.co")).unwrap(), 1);
        assert_eq!(keep(&mut mailbox, "one@b.co"), 3);
        let mailbox = Mailbox::open(&dir).unwrap();
        assert_eq!(mailbox.to(None).map(|mail| mail.id).collect::<Vec<_>>(), [2, 3]);
        assert!(mailbox.find(1).is_none() && mailbox.find(3).is_some());
        fs::remove_dir_all(&dir).unwrap();
    }
}
