//! Payment addresses as QR codes, black on white with the margin that readers want.

use qrcode::{Color, EcLevel, QrCode, render::svg};

/// Modules of white around a code (ISO/IEC 18004, 9.1).
const QUIET: usize = 4;
/// Pixels of a module: a code of an address is some 300 pixels wide.
const MODULE_PIXELS: usize = 8;

/// Why there is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QrError {
    /// More than a code of medium correction holds: 2,331 bytes.
    #[error("the text is too long for a QR code")]
    TooLong,
    /// The picture could not be written: a bug.
    #[error("the picture cannot be written")]
    Picture,
}

fn code(text: &str) -> Result<QrCode, QrError> {
    // A quarter or so of the code's area may be spoiled by light on a screen.
    QrCode::with_error_correction_level(text, EcLevel::M).map_err(|_| QrError::TooLong)
}

/// The code as an SVG document.
///
/// # Errors
/// [`QrError::TooLong`].
pub fn svg(text: &str) -> Result<String, QrError> {
    let module = u32::try_from(MODULE_PIXELS).unwrap_or(1);
    Ok(code(text)?.render::<svg::Color<'_>>().quiet_zone(true).module_dimensions(module, module).build())
}

/// The code as a PNG file of one bit a pixel.
///
/// # Errors
/// [`QrError`].
pub fn png(text: &str) -> Result<Vec<u8>, QrError> {
    let code = code(text)?;
    let width = code.width();
    let side = (width + 2 * QUIET) * MODULE_PIXELS;
    let is_dark = |x: usize, y: usize| {
        let inside = |at: usize| (at / MODULE_PIXELS).checked_sub(QUIET).filter(|module| *module < width);
        inside(x).zip(inside(y)).is_some_and(|(x, y)| code[(x, y)] == Color::Dark)
    };
    let row = |y: usize| {
        (0..side.div_ceil(8)).map(move |byte| {
            (0..8).fold(0_u8, |bits, bit| {
                let x = byte * 8 + bit;
                bits << 1 | u8::from(x < side && !is_dark(x, y))
            })
        })
    };
    let pixels: Vec<u8> = (0..side).flat_map(row).collect();
    let pixel_side = u32::try_from(side).map_err(|_| QrError::TooLong)?;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, pixel_side, pixel_side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().map_err(|_| QrError::Picture)?;
    writer.write_image_data(&pixels).map_err(|_| QrError::Picture)?;
    writer.finish().map_err(|_| QrError::Picture)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ADDRESS: &str = "bitcoin:bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq?amount=0.0005";

    /// Which modules of a picture are dark, by the middle of each.
    fn modules(file: &[u8]) -> Vec<Vec<bool>> {
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(
            (info.width, info.color_type, info.bit_depth),
            (info.height, png::ColorType::Grayscale, png::BitDepth::One)
        );
        let side = usize::try_from(info.width).unwrap();
        let middle = |module: usize| module * MODULE_PIXELS + MODULE_PIXELS / 2;
        let dark = |x: usize, y: usize| pixels[y * info.line_size + x / 8] >> (7 - x % 8) & 1 == 0;
        let count = side / MODULE_PIXELS;
        (0..count).map(|y| (0..count).map(|x| dark(middle(x), middle(y))).collect()).collect()
    }

    #[test]
    fn the_picture_has_the_codes_modules_and_a_margin() {
        let picture = modules(&png(ADDRESS).unwrap());
        let code = code(ADDRESS).unwrap();
        assert_eq!(picture.len(), code.width() + 2 * QUIET);
        for (y, row) in picture.iter().enumerate() {
            for (x, dark) in row.iter().enumerate() {
                let at = |at: usize| at.checked_sub(QUIET).filter(|at| *at < code.width());
                let expected = at(x).zip(at(y)).is_some_and(|place| code[place] == Color::Dark);
                assert_eq!(*dark, expected, "{x} {y}");
            }
        }
    }

    #[test]
    fn a_drawing_is_svg_without_what_was_written() {
        let drawing = svg("<script>alert('&')</script>").unwrap();
        assert!(drawing.contains("<svg") && drawing.ends_with("</svg>") && !drawing.contains("script"));
        assert_eq!(drawing, svg("<script>alert('&')</script>").unwrap());
    }

    #[test]
    fn a_text_that_is_too_long_is_refused() {
        assert!(png(&"x".repeat(2_331)).is_ok());
        assert_eq!(png(&"x".repeat(2_332)), Err(QrError::TooLong));
        assert_eq!(svg(&"x".repeat(2_332)), Err(QrError::TooLong));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 40, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_a_code(text in ".{0,200}") {
            prop_assert!(svg(&text).is_ok());
            prop_assert!(modules(&png(&text).unwrap()).len() >= 21 + 2 * QUIET);
        }
    }
}
