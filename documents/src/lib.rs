//! Documents that are handed out: invoices as PDF, payment addresses as QR codes. Data in, bytes out.
