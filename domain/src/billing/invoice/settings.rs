//! Who makes invoices out, as the operator has set it.

use serde::{Deserialize, Serialize};

use super::PREFIX_DEFAULT;

/// The longest prefix of numbers, in characters.
pub const PREFIX_CHARS_MAX: usize = 20;
/// The longest setting that is printed, in characters.
const TEXT_CHARS_MAX: usize = 500;
/// Who sells, unless set otherwise.
const NAME_DEFAULT: &str = "Causeway";

/// Who makes an invoice out. It is kept with each document, so that a later change of settings changes none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issuer {
    /// Of the person or company that runs this installation.
    pub name: String,
    /// In lines.
    #[serde(default)]
    pub address: Option<String>,
    /// Such as a VAT number.
    #[serde(default)]
    pub tax_id: Option<String>,
    /// Printed below the totals, such as why there is no tax.
    #[serde(default)]
    pub note: Option<String>,
}

/// The settings `INVOICE_*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvoiceSettings {
    /// `INVOICE_ISSUER_NAME`, `INVOICE_ISSUER_ADDRESS`, `INVOICE_ISSUER_TAX_ID`, `INVOICE_NOTE`.
    pub issuer: Issuer,
    /// `INVOICE_PREFIX`: what numbers begin with.
    pub prefix: String,
}

impl Default for InvoiceSettings {
    fn default() -> Self {
        let issuer = Issuer { name: NAME_DEFAULT.into(), address: None, tax_id: None, note: None };
        Self { issuer, prefix: PREFIX_DEFAULT.into() }
    }
}

impl InvoiceSettings {
    /// Reads the settings; `\n` in an address begins a new line, because environment files have none.
    ///
    /// # Errors
    /// What is wrong, one line for each setting.
    pub fn read(get: &(impl Fn(&str) -> Option<String> + ?Sized)) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut text = |name: &str| {
            let text =
                get(name).map(|text| text.replace("\\n", "\n").trim().to_owned()).filter(|text| !text.is_empty())?;
            let clean = text.chars().count() <= TEXT_CHARS_MAX && !text.chars().any(|c| c != '\n' && c.is_control());
            if !clean {
                problems.push(format!("{name} must have at most {TEXT_CHARS_MAX} characters that can be printed"));
            }
            clean.then_some(text)
        };
        let issuer = Issuer {
            name: text("INVOICE_ISSUER_NAME").unwrap_or_else(|| NAME_DEFAULT.into()),
            address: text("INVOICE_ISSUER_ADDRESS"),
            tax_id: text("INVOICE_ISSUER_TAX_ID"),
            note: text("INVOICE_NOTE"),
        };
        let prefix = text("INVOICE_PREFIX").unwrap_or_else(|| PREFIX_DEFAULT.into());
        let plain = prefix.len() <= PREFIX_CHARS_MAX && prefix.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !plain {
            problems.push(format!("INVOICE_PREFIX must be 1 to {PREFIX_CHARS_MAX} letters, digits or dashes"));
        }
        if problems.is_empty() { Ok(Self { issuer, prefix }) } else { Err(problems) }
    }
}
