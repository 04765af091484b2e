//! The append-only journal: one JSON event a line, written before anything is answered.
//!
//! A write that the operating system has taken survives the death of this process, which is what the sandbox promises;
//! it does not survive the death of the machine, and no call is made to force that.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use thiserror::Error;

use super::World;
use super::event::Event;

/// Why the journal cannot be read or written.
#[derive(Debug, Error)]
pub(crate) enum JournalError {
    #[error("the journal cannot be used")]
    Io(#[from] io::Error),
    #[error("line {line} of the journal is not an event")]
    Malformed { line: usize, source: serde_json::Error },
}

/// The open journal, positioned at its end.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

impl Journal {
    /// Opens or creates `journal.jsonl` in `folder` and rebuilds the world from it. A last line that was cut by a kill
    /// was never acknowledged; it is removed.
    pub(crate) fn open(folder: &Path) -> Result<(Self, World), JournalError> {
        let path = folder.join("journal.jsonl");
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let mut world = World::default();
        let mut reader = BufReader::new(&file);
        let (mut line, mut intact, mut number) = (Vec::new(), 0u64, 0);
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                break;
            }
            number += 1;
            let event =
                serde_json::from_slice(&line).map_err(|source| JournalError::Malformed { line: number, source })?;
            world.apply(event);
            intact += read as u64;
        }
        file.set_len(intact)?;
        file.seek(SeekFrom::End(0))?;
        Ok((Self { file }, world))
    }

    /// Appends events with one write, so that they become durable together.
    pub(crate) fn append(&mut self, events: &[Event]) -> Result<(), JournalError> {
        let mut lines = Vec::with_capacity(512);
        for event in events {
            serde_json::to_writer(&mut lines, event).map_err(io::Error::from)?;
            lines.push(b'\n');
        }
        self.file.write_all(&lines)?;
        Ok(())
    }
}
