//! Invoices and credit notes as PDF: A4, as many pages as it takes, each with the number and the head of the columns.

use chrono::{DateTime, Utc};
use domain::{
    Money,
    billing::invoice::{Customer, Document, DocumentKind, Line},
};

use crate::{
    DocumentError,
    font::Weight,
    sheet::{Align, HEIGHT, Sheet, Style, WIDTH},
    text::{clean, wrap},
};

#[cfg(test)]
mod tests;

/// What is left free around a page.
const MARGIN: f32 = 56.0;
const RIGHT: f32 = WIDTH - MARGIN;
/// Where the right half of the head and of the totals begins.
const MIDDLE: f32 = 320.0;
/// Nothing but the foot stands below it.
const BOTTOM: f32 = HEIGHT - 80.0;
/// What amounts take of a line's width.
const AMOUNT_WIDTH: f32 = 110.0;

const TITLE: Style = Style::new(Weight::Bold, 20.0);
const NAME: Style = Style::new(Weight::Bold, 10.0);
const TEXT: Style = Style::new(Weight::Regular, 9.5);
const STRONG: Style = Style::new(Weight::Bold, 9.5);
const LABEL: Style = Style::new(Weight::Regular, 8.0).grey(0.4);

/// The document as a file. The same document is the same pages.
///
/// # Errors
/// [`DocumentError`].
pub fn pdf(document: &Document) -> Result<Vec<u8>, DocumentError> {
    let mut layout = Layout { sheet: Sheet::default(), y: MARGIN };
    layout.head(document)?;
    layout.columns(document)?;
    for line in &document.lines {
        layout.line(document, line)?;
    }
    layout.totals(document)?;
    layout.note(document)?;
    layout.feet(document)?;
    let title = format!("{} {}", title(document.kind), document.number);
    layout.sheet.into_pdf(&title, document.issued_at.timestamp())
}

const fn title(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Invoice => "Invoice",
        DocumentKind::CreditNote => "Credit note",
    }
}

struct Layout {
    sheet: Sheet,
    /// Where the next line begins.
    y: f32,
}

impl Layout {
    /// The first page: what it is, by whom, to whom.
    fn head(&mut self, document: &Document) -> Result<(), DocumentError> {
        self.sheet.begin_page();
        self.sheet.text((MARGIN, MARGIN + TITLE.size), Align::Left, TITLE, title(document.kind))?;
        self.y = MARGIN + 48.0;
        let top = self.y;
        let issuer = &document.issuer;
        self.put(MARGIN, LABEL, "From")?;
        self.party(
            (MARGIN, MIDDLE - MARGIN - 20.0),
            &issuer.name,
            issuer.address.as_deref(),
            issuer.tax_id.as_deref(),
        )?;
        let left = std::mem::replace(&mut self.y, top);
        for (label, value) in facts(document) {
            self.put(MIDDLE, LABEL, label)?;
            self.block((MIDDLE, RIGHT - MIDDLE), TEXT, &value)?;
            self.y += 4.0;
        }
        self.y = self.y.max(left) + 14.0;
        self.put(MARGIN, LABEL, "To")?;
        self.customer(document.customer.as_ref())?;
        self.y += 18.0;
        Ok(())
    }

    fn customer(&mut self, customer: Option<&Customer>) -> Result<(), DocumentError> {
        let column = (MARGIN, RIGHT - MARGIN);
        let Some(customer) = customer else { return self.block(column, TEXT.grey(0.4), "A customer who has left") };
        match &customer.details {
            Some(details) => {
                self.party(column, &details.name, details.address.as_deref(), details.tax_id.as_deref())?;
                self.block(column, TEXT, &customer.email)
            }
            None => self.block(column, NAME, &customer.email),
        }
    }

    fn party(
        &mut self,
        column: (f32, f32),
        name: &str,
        address: Option<&str>,
        tax_id: Option<&str>,
    ) -> Result<(), DocumentError> {
        self.block(column, NAME, name)?;
        for line in address.unwrap_or_default().lines() {
            self.block(column, TEXT, line)?;
        }
        match tax_id {
            Some(tax_id) => self.block(column, TEXT, &format!("Tax number: {tax_id}")),
            None => Ok(()),
        }
    }

    /// The head of the columns.
    fn columns(&mut self, document: &Document) -> Result<(), DocumentError> {
        let y = self.y + STRONG.size;
        self.sheet.text((MARGIN, y), Align::Left, STRONG, "Description")?;
        let amount = format!("Amount ({})", document.total.currency);
        self.sheet.text((RIGHT, y), Align::Right, STRONG, &amount)?;
        self.sheet.rule((MARGIN, RIGHT), y + 6.0, 0.8);
        self.y = y + 14.0;
        Ok(())
    }

    /// Begins another page unless so much fits on this one.
    fn room(&mut self, document: &Document, height: f32) -> Result<(), DocumentError> {
        if self.y + height <= BOTTOM {
            return Ok(());
        }
        self.sheet.begin_page();
        let named = format!("{} {}", title(document.kind), document.number);
        self.sheet.text((MARGIN, MARGIN), Align::Left, LABEL, &named)?;
        self.y = MARGIN + 16.0;
        self.columns(document)
    }

    fn line(&mut self, document: &Document, line: &Line) -> Result<(), DocumentError> {
        let face = TEXT.weight.face()?;
        let lines = wrap(&clean(&line.description, face), face, TEXT.size, RIGHT - MARGIN - AMOUNT_WIDTH);
        #[expect(clippy::cast_precision_loss, reason = "a description has few lines")]
        let height = lines.len().max(1) as f32 * TEXT.leading() + 8.0;
        self.room(document, height)?;
        let y = self.y + TEXT.size;
        self.sheet.text((RIGHT, y), Align::Right, TEXT, &grouped(line.amount))?;
        for line in &lines {
            self.put(MARGIN, TEXT, line)?;
        }
        if lines.is_empty() {
            self.y += TEXT.leading();
        }
        self.sheet.rule((MARGIN, RIGHT), self.y + 2.0, 0.3);
        self.y += 8.0;
        Ok(())
    }

    /// The sum and how it was paid; never torn apart.
    fn totals(&mut self, document: &Document) -> Result<(), DocumentError> {
        let sums = sums(document);
        #[expect(clippy::cast_precision_loss, reason = "there are three sums at most")]
        let height = 24.0 + sums.len() as f32 * 18.0;
        self.room(document, height)?;
        self.y += 6.0;
        for (index, (label, amount)) in sums.iter().enumerate() {
            let style = if index == 0 { NAME } else { TEXT };
            let y = self.y + style.size;
            self.sheet.text((MIDDLE, y), Align::Left, style, label)?;
            self.sheet.text((RIGHT, y), Align::Right, style, &format!("{} {}", grouped(*amount), amount.currency))?;
            if index == 0 {
                self.sheet.rule((MIDDLE, RIGHT), y + 5.0, 0.8);
            }
            self.y += 18.0;
        }
        Ok(())
    }

    /// The operator's own words, below the sums.
    fn note(&mut self, document: &Document) -> Result<(), DocumentError> {
        let face = TEXT.weight.face()?;
        self.y += 18.0;
        for paragraph in document.issuer.note.as_deref().unwrap_or_default().lines() {
            for line in wrap(&clean(paragraph, face), face, TEXT.size, RIGHT - MARGIN) {
                self.room(document, TEXT.leading())?;
                self.put(MARGIN, TEXT, &line)?;
            }
        }
        Ok(())
    }

    /// The foot of every page, when it is known how many there are.
    fn feet(&mut self, document: &Document) -> Result<(), DocumentError> {
        let count = self.sheet.page_count();
        for page in 0..count {
            let number = format!("Page {} of {count}", page + 1);
            let y = HEIGHT - 40.0;
            self.sheet.text_on(page, (MARGIN, y), Align::Left, (LABEL, &document.number))?;
            self.sheet.text_on(page, (RIGHT, y), Align::Right, (LABEL, &number))?;
        }
        Ok(())
    }

    /// Sets text in a column that begins at `x` and is so wide.
    fn block(&mut self, (x, width): (f32, f32), style: Style, text: &str) -> Result<(), DocumentError> {
        let face = style.weight.face()?;
        for line in wrap(&clean(text, face), face, style.size, width) {
            self.put(x, style, &line)?;
        }
        Ok(())
    }

    fn put(&mut self, x: f32, style: Style, line: &str) -> Result<(), DocumentError> {
        self.sheet.text((x, self.y + style.size), Align::Left, style, line)?;
        self.y += style.leading();
        Ok(())
    }
}

fn facts(document: &Document) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Number", document.number.clone()), ("Date", day(document.issued_at))];
    if let Some(invoice) = &document.corrects {
        facts.push(("For invoice", invoice.clone()));
    }
    if let Some((from, to)) = document.period {
        facts.push(("Period", format!("{} to {}", day(from), day(to))));
    }
    facts
}

/// The sum, and by what it was paid or to what it goes back.
fn sums(document: &Document) -> Vec<(String, Money)> {
    let total = document.total;
    match document.kind {
        DocumentKind::CreditNote => vec![("Total credited".into(), total)],
        DocumentKind::Invoice => {
            let mut sums = vec![("Total".to_owned(), total)];
            if !document.from_balance.is_zero() {
                sums.push(("Paid from the balance".into(), document.from_balance));
            }
            if let Some(rest) = total.checked_sub(document.from_balance).filter(|rest| !rest.is_zero()) {
                let by = document.paid_by.as_deref().map_or_else(|| "Paid".to_owned(), |by| format!("Paid by {by}"));
                sums.push((by, rest));
            }
            sums
        }
    }
}

fn day(at: DateTime<Utc>) -> String {
    at.format("%-d %B %Y").to_string()
}

/// The amount without its currency, with a comma after each thousand: `-1,234.50`.
fn grouped(amount: Money) -> String {
    let decimal = amount.decimal();
    let (sign, digits) = decimal.strip_prefix('-').map_or(("", decimal.as_str()), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut grouped = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}
