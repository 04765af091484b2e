//! What survives a restart: one JSON record per line, appended before a request is answered. A later record of a number
//! replaces an earlier one; a line that was cut by a kill is left out.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{BufWriter, Result, Write as _},
    path::Path,
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::model::{Invoice, Payment};

const NAME: &str = "nowpayments.jsonl";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record {
    Payment(Payment),
    Invoice(Invoice),
}

/// Payments and invoices, by their numbers.
#[derive(Debug)]
pub struct Journal {
    file: File,
    payments: BTreeMap<u64, Payment>,
    invoices: BTreeMap<u64, Invoice>,
}

impl Journal {
    /// Opens what `dir` holds, and writes it anew without what was replaced.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds a line that is not a record.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(NAME);
        let bytes = if path.exists() { fs::read(&path)? } else { Vec::new() };
        let text = String::from_utf8_lossy(&bytes);
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let (mut payments, mut invoices) = (BTreeMap::new(), BTreeMap::new());
        for line in whole.lines() {
            let record = serde_json::from_str(line);
            match record.with_context(|| format!("{} holds a line that is not a record", path.display()))? {
                Record::Payment(payment) => drop(payments.insert(payment.id, payment)),
                Record::Invoice(invoice) => drop(invoices.insert(invoice.id, invoice)),
            }
        }
        let fresh = path.with_extension("new");
        let mut to = BufWriter::new(File::create(&fresh)?);
        let kept = invoices.values().cloned().map(Record::Invoice);
        for record in kept.chain(payments.values().cloned().map(Record::Payment)) {
            to.write_all(&line(&record)?)?;
        }
        to.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        fs::rename(&fresh, &path)?;
        let file = OpenOptions::new().append(true).open(&path)?;
        Ok(Self { file, payments, invoices })
    }

    /// Every payment, the oldest number first.
    pub fn payments(&self) -> impl DoubleEndedIterator<Item = &Payment> {
        self.payments.values()
    }

    /// Every invoice.
    pub fn invoices(&self) -> impl Iterator<Item = &Invoice> {
        self.invoices.values()
    }

    /// The payment of this number.
    #[must_use]
    pub fn payment(&self, id: u64) -> Option<&Payment> {
        self.payments.get(&id)
    }

    /// The invoice of this number.
    #[must_use]
    pub fn invoice(&self, id: u64) -> Option<&Invoice> {
        self.invoices.get(&id)
    }

    /// A number that nothing has. Those of a restarted server go on after the last one.
    #[must_use]
    pub fn free_id(&self) -> u64 {
        let last = |id: Option<&u64>| id.copied().unwrap_or(0);
        // Ten digits, as the real ones have.
        last(self.payments.keys().next_back()).max(last(self.invoices.keys().next_back())).max(5_000_000_000) + 7
    }

    /// Keeps a payment as it is now.
    ///
    /// # Errors
    /// When the disk is full; then nothing was changed.
    pub fn keep(&mut self, payment: &Payment) -> Result<()> {
        self.file.write_all(&line(&Record::Payment(payment.clone()))?)?;
        self.payments.insert(payment.id, payment.clone());
        Ok(())
    }

    /// Keeps a new invoice.
    ///
    /// # Errors
    /// When the disk is full; then nothing was changed.
    pub fn keep_invoice(&mut self, invoice: &Invoice) -> Result<()> {
        self.file.write_all(&line(&Record::Invoice(invoice.clone()))?)?;
        self.invoices.insert(invoice.id, invoice.clone());
        Ok(())
    }
}

fn line(record: &Record) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    Ok(line)
}
