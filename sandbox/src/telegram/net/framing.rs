//! The three plain TCP transports: full, abridged and intermediate.
//!
//! The client crates' abridged and intermediate unpackers take a short packet with a negative first word for a transport
//! error, which a server must not do (half of all key ids look like that), so the length prefixes are read here.

use std::ops::Range;

use grammers_crypto::DequeBuffer;
use grammers_mtproto::transport::{self, Transport as _};
use thiserror::Error;

/// The largest packet taken from a client. Upload parts are 512 KiB; containers may hold a few of them.
const PACKET_MAX_BYTES: usize = 4 << 20;

/// Why a byte stream cannot be cut into packets.
#[derive(Debug, Error)]
pub(crate) enum FramingError {
    #[error("a packet of {0} bytes is over the limit")]
    Oversized(usize),
    #[error("the full transport was violated: {0}")]
    Full(transport::Error),
}

/// A transport, recognised by the first bytes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Full,
    Abridged,
    Intermediate,
}

impl Kind {
    /// Recognises the transport and says how many bytes of announcement precede the first packet. None: more bytes are
    /// needed.
    pub(crate) fn sniff(start: &[u8]) -> Option<(Self, usize)> {
        match start {
            [0xef, ..] => Some((Self::Abridged, 1)),
            [0xee, 0xee, 0xee, 0xee, ..] => Some((Self::Intermediate, 4)),
            [_, _, _, _, ..] => Some((Self::Full, 0)),
            _ => None,
        }
    }
}

/// One direction of a connection. Reading and writing keep their own counters, so each has its own value.
pub(crate) enum Framing {
    Full(transport::Full),
    Abridged,
    Intermediate,
}

impl Framing {
    /// A fresh direction of the given transport.
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Full => Self::Full(transport::Full::new()),
            Kind::Abridged => Self::Abridged,
            Kind::Intermediate => Self::Intermediate,
        }
    }

    /// Where the next packet of `bytes` lies and where the one after it begins; None while it is incomplete.
    pub(crate) fn unpack(&mut self, bytes: &mut [u8]) -> Result<Option<(Range<usize>, usize)>, FramingError> {
        let (header, length) = match self {
            Self::Full(full) => return unpack_full(full, bytes),
            Self::Abridged => match bytes {
                // The top bit asks for a quick acknowledgement, which is optional for a server.
                [first, ..] if *first & 0x7f < 0x7f => (1, usize::from(*first & 0x7f) * 4),
                [_, a, b, c, ..] => (4, u32::from_le_bytes([*a, *b, *c, 0]) as usize * 4),
                _ => return Ok(None),
            },
            Self::Intermediate => match bytes {
                [a, b, c, d, ..] => (4, (u32::from_le_bytes([*a, *b, *c, *d]) & 0x7fff_ffff) as usize),
                _ => return Ok(None),
            },
        };
        if length > PACKET_MAX_BYTES {
            return Err(FramingError::Oversized(length));
        }
        let end = header + length;
        Ok((bytes.len() >= end).then_some((header..end, end)))
    }

    /// Appends `payload` to `out` as one packet.
    pub(crate) fn pack(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Full(full) => {
                let mut buffer = DequeBuffer::with_capacity(payload.len(), 32);
                buffer.extend(payload.iter().copied());
                full.pack(&mut buffer);
                out.extend_from_slice(&buffer[..]);
                return;
            }
            Self::Abridged => {
                let words = payload.len() / 4;
                if words < 0x7f {
                    out.push(words as u8);
                } else {
                    out.push(0x7f);
                    out.extend_from_slice(&(words as u32).to_le_bytes()[..3]);
                }
            }
            Self::Intermediate => out.extend_from_slice(&(payload.len() as u32).to_le_bytes()),
        }
        out.extend_from_slice(payload);
    }

    /// Appends a transport-level error code (a negative word, such as -404 for an unknown key).
    pub(crate) fn pack_error(&mut self, code: i32, out: &mut Vec<u8>) {
        match self {
            // The full transport reads a negative length as the code; nothing else follows.
            Self::Full(_) => out.extend_from_slice(&code.to_le_bytes()),
            Self::Abridged | Self::Intermediate => self.pack(&code.to_le_bytes(), out),
        }
    }
}

fn unpack_full(full: &mut transport::Full, bytes: &mut [u8]) -> Result<Option<(Range<usize>, usize)>, FramingError> {
    if let [a, b, c, d, ..] = bytes {
        let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        if length > PACKET_MAX_BYTES {
            return Err(FramingError::Oversized(length));
        }
    }
    match full.unpack(bytes) {
        Ok(packet) => Ok(Some((packet.data_range, packet.next_offset))),
        Err(transport::Error::MissingBytes) => Ok(None),
        Err(error) => Err(FramingError::Full(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Framing, Kind};

    #[test]
    fn every_transport_reads_back_what_it_wrote() {
        for kind in [Kind::Full, Kind::Abridged, Kind::Intermediate] {
            let mut wire = Vec::new();
            let mut writer = Framing::new(kind);
            // A short packet that starts like a negative number, and one over the abridged short form.
            let packets = [vec![0xff; 24], vec![7; 4 * 200]];
            for packet in &packets {
                writer.pack(packet, &mut wire);
            }
            let mut reader = Framing::new(kind);
            for packet in &packets {
                let (range, next) = reader.unpack(&mut wire).unwrap().unwrap();
                assert_eq!(&wire[range], &packet[..], "{kind:?}");
                wire.drain(..next);
            }
            assert!(reader.unpack(&mut wire).unwrap().is_none());
        }
    }
}
