//! Rows of a batch, written with one statement for each table.

mod cursors;
mod deliveries;
mod revisions;

pub(super) use cursors::advance_cursors;
pub(super) use deliveries::{ALBUM, NewDelivery, Root, Skip, append};
pub(super) use revisions::{Revision, insert_media, insert_revisions};
