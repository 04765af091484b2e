//! To whom invoices are made out.

use serde::{Deserialize, Serialize};

/// The longest name, in characters.
pub const NAME_CHARS_MAX: usize = 150;
/// The longest address, in characters.
pub const ADDRESS_CHARS_MAX: usize = 500;
/// The most lines of an address.
pub const ADDRESS_LINES_MAX: usize = 8;
/// The longest tax number, in characters: those of the EU have 15 at most.
pub const TAX_ID_CHARS_MAX: usize = 40;

/// Which part of billing details is unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DetailsError {
    /// The name.
    #[error("a name has 1 to {NAME_CHARS_MAX} characters in one line")]
    Name,
    /// The address.
    #[error("an address has at most {ADDRESS_LINES_MAX} lines and {ADDRESS_CHARS_MAX} characters")]
    Address,
    /// The tax number.
    #[error("a tax number has at most {TAX_ID_CHARS_MAX} characters in one line")]
    TaxId,
}

impl DetailsError {
    /// The part's name on the wire.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Address => "address",
            Self::TaxId => "tax_id",
        }
    }
}

/// What a tenant wants to stand on invoices beside their e-mail address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillingDetails {
    /// Of a person or a company.
    pub name: String,
    /// In lines.
    #[serde(default)]
    pub address: Option<String>,
    /// Such as a VAT number.
    #[serde(default)]
    pub tax_id: Option<String>,
}

/// Personal data is not shown.
impl std::fmt::Debug for BillingDetails {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BillingDetails(..)")
    }
}

impl BillingDetails {
    /// Takes what somebody typed: spaces around lines and empty lines at the ends go, an empty part is none.
    ///
    /// # Errors
    /// [`DetailsError`].
    pub fn parse(name: &str, address: Option<&str>, tax_id: Option<&str>) -> Result<Self, DetailsError> {
        let name = one_line(name, NAME_CHARS_MAX).filter(|name| !name.is_empty()).ok_or(DetailsError::Name)?;
        let address = lines(address.unwrap_or_default()).ok_or(DetailsError::Address)?;
        let tax_id = one_line(tax_id.unwrap_or_default(), TAX_ID_CHARS_MAX).ok_or(DetailsError::TaxId)?;
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Ok(Self { name, address: some(address), tax_id: some(tax_id) })
    }
}

/// To whom one invoice was made out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The address that they had then.
    pub email: String,
    /// What they had set, if they had.
    #[serde(default)]
    pub details: Option<BillingDetails>,
}

/// Personal data is not shown.
impl std::fmt::Debug for Customer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Customer(..)")
    }
}

fn one_line(text: &str, chars_max: usize) -> Option<String> {
    let text = text.trim();
    let fits = text.chars().count() <= chars_max && !text.chars().any(breaks);
    fits.then(|| text.to_owned())
}

fn lines(text: &str) -> Option<String> {
    let text = text.replace("\r\n", "\n");
    let lines: Vec<_> = text.trim().split('\n').map(str::trim).collect();
    let text = lines.join("\n");
    let clean = !text.chars().any(|c| c != '\n' && breaks(c));
    (clean && lines.len() <= ADDRESS_LINES_MAX && text.chars().count() <= ADDRESS_CHARS_MAX).then_some(text)
}

fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}
