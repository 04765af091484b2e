//! The administration: for staff, from allowed addresses, with every act in the audit log.

pub(crate) mod announcements;
pub(crate) mod auth;
