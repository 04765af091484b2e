//! Where each UTF-16 code unit of a text begins in its bytes.

/// A table from UTF-16 offsets to byte offsets, made once per text.
pub(super) struct Units {
    /// For each unit the byte at which its character begins; one more entry for the end.
    bytes: Vec<usize>,
}

impl Units {
    pub(super) fn new(text: &str) -> Self {
        let mut bytes = Vec::with_capacity(text.len() + 1);
        for (at, c) in text.char_indices() {
            bytes.extend(std::iter::repeat_n(at, c.len_utf16()));
        }
        bytes.push(text.len());
        Self { bytes }
    }

    /// Length of the text in units.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - 1
    }

    /// False between the two halves of a surrogate pair.
    pub(super) fn is_boundary(&self, unit: usize) -> bool {
        unit == 0 || unit >= self.len() || self.bytes[unit] != self.bytes[unit - 1]
    }

    /// The byte at which the character of `unit` begins; the end of the text for anything beyond it.
    pub(super) fn byte(&self, unit: usize) -> usize {
        self.bytes[unit.min(self.len())]
    }

    /// The unit at which the character of `byte` begins.
    pub(super) fn unit(&self, byte: usize) -> usize {
        self.bytes.partition_point(|start| *start < byte)
    }

    /// The text of the units `from..to`.
    pub(super) fn str<'t>(&self, text: &'t str, from: usize, to: usize) -> &'t str {
        &text[self.byte(from)..self.byte(to)]
    }
}
