//! The fonts that documents are set in: how wide text is, and the part of a font that a document embeds.

use std::{collections::BTreeSet, sync::LazyLock};

use allsorts::{
    binary::read::ReadScope,
    font_data::FontData,
    subset::{CmapTarget, SubsetProfile},
};
use printpdf::ParsedFont;

use crate::DocumentError;

/// How heavy text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

impl Weight {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 2] = [Self::Regular, Self::Bold];

    /// The font's name in a document.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Regular => "DejaVuSans",
            Self::Bold => "DejaVuSans-Bold",
        }
    }

    const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Regular => include_bytes!("../fonts/DejaVuSans.ttf"),
            Self::Bold => include_bytes!("../fonts/DejaVuSans-Bold.ttf"),
        }
    }

    pub(crate) fn face(self) -> Result<&'static Face, DocumentError> {
        static REGULAR: LazyLock<Option<Face>> = LazyLock::new(|| Face::read(Weight::Regular));
        static BOLD: LazyLock<Option<Face>> = LazyLock::new(|| Face::read(Weight::Bold));
        let face = match self {
            Self::Regular => &*REGULAR,
            Self::Bold => &*BOLD,
        };
        face.as_ref().ok_or(DocumentError::Font)
    }
}

/// A font, read once.
pub(crate) struct Face {
    weight: Weight,
    parsed: ParsedFont,
}

impl Face {
    fn read(weight: Weight) -> Option<Self> {
        let parsed = ParsedFont::from_bytes(weight.bytes(), 0, &mut Vec::new())?;
        Some(Self { weight, parsed })
    }

    /// True when the font can show it.
    pub(crate) fn covers(&self, c: char) -> bool {
        self.parsed.lookup_glyph_index(c.into()).is_some_and(|glyph| glyph != 0)
    }

    /// How wide a line of this size is, both in points.
    pub(crate) fn width(&self, line: &str, size: f32) -> f32 {
        let units: u32 = line.chars().map(|c| self.advance(c)).sum();
        #[expect(clippy::cast_precision_loss, reason = "a line has far less than 2^24 units")]
        let units = units as f32;
        units * size / f32::from(self.parsed.units_per_em.max(1))
    }

    fn advance(&self, c: char) -> u32 {
        let glyph = self.parsed.lookup_glyph_index(c.into()).unwrap_or(0);
        self.parsed.get_glyph_width(glyph).unwrap_or(0).into()
    }

    /// The font with the glyphs of these characters alone: a document embeds all of what it is given.
    pub(crate) fn part(&self, chars: &BTreeSet<char>) -> Result<ParsedFont, DocumentError> {
        // The glyph for what is missing comes first, and none comes twice.
        let glyphs: BTreeSet<u16> =
            chars.iter().filter_map(|c| self.parsed.lookup_glyph_index((*c).into())).chain([0]).collect();
        let glyphs: Vec<u16> = glyphs.into_iter().collect();
        let file = ReadScope::new(self.weight.bytes()).read::<FontData<'_>>().map_err(|_| DocumentError::Font)?;
        let tables = file.table_provider(0).map_err(|_| DocumentError::Font)?;
        let bytes = allsorts::subset::subset(&tables, &glyphs, &SubsetProfile::Pdf, CmapTarget::Unicode)
            .map_err(|_| DocumentError::Font)?;
        let mut part = ParsedFont::from_bytes(&bytes, 0, &mut Vec::new()).ok_or(DocumentError::Font)?;
        // Six capital letters before the name say that it is a part (ISO 32000-1, 9.6.4).
        part.font_name = Some(format!("{}+{}", tag(&glyphs), self.weight.name()));
        Ok(part)
    }
}

/// Six letters made from what the part has, so that equal documents are equal.
fn tag(glyphs: &[u16]) -> String {
    let mut digest = glyphs
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |digest, glyph| (digest ^ u64::from(*glyph)).wrapping_mul(0x0100_0000_01b3));
    let mut letters = String::new();
    for _ in 0..6 {
        letters.push(char::from(b'A' + u8::try_from(digest % 26).unwrap_or(0)));
        digest /= 26;
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_fonts_show_what_names_are_written_in() {
        for weight in Weight::ALL {
            let face = weight.face().unwrap();
            for c in "Aß€₫ ĐặngịỮ Ωώ Щїґ Ժ Ⴀ א ع ﻋ\u{fffd}\u{301}".chars() {
                assert!(face.covers(c), "{c} in {weight:?}");
            }
            assert!(!face.covers('漢') && !face.covers('🦦'));
            assert!(face.width("WW", 10.0) > face.width("ii", 10.0));
            assert!((face.width("abc", 20.0) - 2.0 * face.width("abc", 10.0)).abs() < 0.01);
        }
    }

    #[test]
    fn a_part_shows_its_own_characters_as_wide_as_before() {
        let face = Weight::Bold.face().unwrap();
        let chars: BTreeSet<char> = "Đặng Ω 漢".chars().collect();
        let part = face.part(&chars).unwrap();
        assert!(part.original_bytes.len() < 30_000, "{}", part.original_bytes.len());
        for c in "ĐặngΩ".chars() {
            let glyph = part.lookup_glyph_index(c.into()).unwrap();
            assert_eq!(part.get_glyph_width(glyph).map(u32::from), Some(face.advance(c)), "{c}");
        }
        assert_eq!(part.lookup_glyph_index('x'.into()), None);
        assert_eq!(part.font_name, face.part(&chars).unwrap().font_name);
        assert!(face.part(&BTreeSet::new()).is_ok());
    }
}
