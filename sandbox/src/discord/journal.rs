//! The world on disk: one JSON record per line, appended before a request is answered.
//!
//! A record reaches the operating system with one write, so a killed process loses nothing that it answered; a line
//! that was cut in the middle of that write is left out when the file is read again.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, BufWriter, Write},
    path::Path,
};

use anyhow::Context;

use super::{model::Record, store::Store};

const NAME: &str = "discord.jsonl";

/// The open file.
#[derive(Debug)]
pub struct Journal(File);

impl Journal {
    /// Reads what `dir` holds, writes it anew without what is gone, and opens it for more.
    ///
    /// # Errors
    /// When the files cannot be read or written, or hold a line that is not a record.
    pub fn open(dir: &Path) -> anyhow::Result<(Self, Store)> {
        let path = dir.join(NAME);
        let store = read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let fresh = dir.join(format!("{NAME}.new"));
        let mut to = BufWriter::new(File::create(&fresh)?);
        for record in store.records() {
            serde_json::to_writer(&mut to, &record)?;
            to.write_all(b"\n")?;
        }
        to.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&fresh, &path)?;
        let file = OpenOptions::new().append(true).open(&path)?;
        Ok((Self(file), store))
    }

    /// Adds one record.
    ///
    /// # Errors
    /// When the disk is full or the file is gone; then nothing was changed.
    pub fn append(&mut self, record: &Record) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.0.write_all(&line)
    }
}

fn read(path: &Path) -> anyhow::Result<Store> {
    let mut store = Store::default();
    let Ok(file) = File::open(path) else { return Ok(store) };
    let mut from = BufReader::new(file);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if from.read_until(b'\n', &mut line)? == 0 || line.last() != Some(&b'\n') {
            break;
        }
        let record = serde_json::from_slice(&line).with_context(|| format!("line {number} is not a record"))?;
        store.apply(record);
    }
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discord::{id::Id, model::Account};

    fn user(id: u64) -> Record {
        Record::Account(Account { id: Id(id), username: format!("user{id}"), bot: None })
    }

    #[test]
    fn what_was_appended_is_there_again_and_a_cut_line_is_left_out() {
        let dir = std::env::temp_dir().join(format!("causeway-journal-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let (mut journal, store) = Journal::open(&dir).unwrap();
        assert!(store.accounts.is_empty());
        journal.append(&user(1)).unwrap();
        journal.append(&user(2)).unwrap();
        journal.0.write_all(b"{\"account\":{\"id\":\"3\"").unwrap();
        drop(journal);
        let (mut journal, store) = Journal::open(&dir).unwrap();
        assert_eq!(store.accounts.len(), 2);
        journal.append(&user(4)).unwrap();
        let (_, store) = Journal::open(&dir).unwrap();
        assert_eq!(store.greatest_id(), Id(4));
        fs::remove_dir_all(&dir).unwrap();
    }
}
