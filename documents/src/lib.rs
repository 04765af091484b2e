//! Documents that are handed out: invoices as PDF, payment addresses as QR codes. Data in, bytes out.

mod font;
pub mod invoice;
pub mod qr;
mod sheet;
mod text;

/// Why there is no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// A font of ours cannot be read or cut down: it is embedded, so this is a bug.
    #[error("an embedded font cannot be used")]
    Font,
}
