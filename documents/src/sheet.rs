//! Pages of A4 with text and rules at places, and the file that they become. Lengths are in points, from the upper left
//! corner of a page.

use std::collections::{BTreeMap, BTreeSet};

use printpdf::{
    Color, FontId, Line, LinePoint, Mm, OffsetDateTime, Op, PdfDocument, PdfFont, PdfFontHandle, PdfPage,
    PdfSaveOptions, Point, Pt, Rgb, TextItem, TextMatrix,
};

use crate::{
    DocumentError,
    font::Weight,
    text::{clean, visual},
};

/// A page's width and height.
const A4_MM: (f32, f32) = (210.0, 297.0);
pub(crate) const HEIGHT: f32 = 841.89;
pub(crate) const WIDTH: f32 = 595.28;

/// How text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Style {
    pub(crate) weight: Weight,
    pub(crate) size: f32,
    /// 0 is black, 1 is white.
    pub(crate) grey: f32,
}

impl Style {
    pub(crate) const fn new(weight: Weight, size: f32) -> Self {
        Self { weight, size, grey: 0.0 }
    }

    pub(crate) const fn grey(self, grey: f32) -> Self {
        Self { grey, ..self }
    }

    /// How far lines of it are apart.
    pub(crate) fn leading(self) -> f32 {
        self.size * 1.4
    }
}

/// Which end of a line stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

enum Mark {
    Text { x: f32, y: f32, style: Style, line: String },
    Rule { from: f32, to: f32, y: f32, thickness: f32 },
}

/// Pages under way.
#[derive(Default)]
pub(crate) struct Sheet {
    pages: Vec<Vec<Mark>>,
}

impl Sheet {
    /// Begins another page; what follows stands on it.
    pub(crate) fn begin_page(&mut self) {
        self.pages.push(Vec::new());
    }

    pub(crate) fn page_count(&self) -> usize {
        self.pages.len()
    }

    /// Sets one line with its base line at `y`, on the last page.
    pub(crate) fn text(
        &mut self,
        (x, y): (f32, f32),
        align: Align,
        style: Style,
        line: &str,
    ) -> Result<(), DocumentError> {
        let page = self.pages.len().saturating_sub(1);
        self.text_on(page, (x, y), align, (style, line))
    }

    /// The same on any page.
    pub(crate) fn text_on(
        &mut self,
        page: usize,
        (x, y): (f32, f32),
        align: Align,
        (style, line): (Style, &str),
    ) -> Result<(), DocumentError> {
        let face = style.weight.face()?;
        let line = visual(&clean(line, face), face);
        let x = match align {
            Align::Left => x,
            Align::Right => x - face.width(&line, style.size),
        };
        if let Some(page) = self.pages.get_mut(page).filter(|_| !line.is_empty()) {
            page.push(Mark::Text { x, y, style, line });
        }
        Ok(())
    }

    /// Draws a line across the last page.
    pub(crate) fn rule(&mut self, (from, to): (f32, f32), y: f32, thickness: f32) {
        if let Some(page) = self.pages.last_mut() {
            page.push(Mark::Rule { from, to, y, thickness });
        }
    }

    /// The file, named by its title and dated `made_at`, in seconds of Unix.
    pub(crate) fn into_pdf(self, title: &str, made_at: i64) -> Result<Vec<u8>, DocumentError> {
        let mut document = PdfDocument::new(title);
        let info = &mut document.metadata.info;
        info.creator = "Causeway".into();
        info.producer = "Causeway".into();
        if let Ok(date) = OffsetDateTime::from_unix_timestamp(made_at) {
            (info.creation_date, info.modification_date) = (date, date);
        }
        for (weight, chars) in self.used() {
            let font = PdfFont::new(weight.face()?.part(&chars)?);
            document.resources.fonts.map.insert(font_id(weight), font);
        }
        let pages = self.pages.into_iter().map(|marks| {
            let ops = marks.into_iter().flat_map(Mark::ops).collect();
            PdfPage::new(Mm(A4_MM.0), Mm(A4_MM.1), ops)
        });
        document.pages = pages.collect();
        Ok(document.save(&PdfSaveOptions::default(), &mut Vec::new()))
    }

    /// The characters that are set in each weight.
    fn used(&self) -> BTreeMap<Weight, BTreeSet<char>> {
        let mut used: BTreeMap<Weight, BTreeSet<char>> = BTreeMap::new();
        for mark in self.pages.iter().flatten() {
            if let Mark::Text { style, line, .. } = mark {
                used.entry(style.weight).or_default().extend(line.chars());
            }
        }
        used
    }
}

fn font_id(weight: Weight) -> FontId {
    FontId(weight.name().into())
}

fn grey(of: f32) -> Color {
    Color::Rgb(Rgb { r: of, g: of, b: of, icc_profile: None })
}

impl Mark {
    fn ops(self) -> Vec<Op> {
        match self {
            Self::Text { x, y, style, line } => vec![
                Op::SetFillColor { col: grey(style.grey) },
                Op::StartTextSection,
                Op::SetFont { font: PdfFontHandle::External(font_id(style.weight)), size: Pt(style.size) },
                Op::SetTextMatrix { matrix: TextMatrix::Translate(Pt(x), Pt(HEIGHT - y)) },
                Op::ShowText { items: vec![TextItem::Text(line)] },
                Op::EndTextSection,
            ],
            Self::Rule { from, to, y, thickness } => {
                let point = |x| LinePoint { p: Point { x: Pt(x), y: Pt(HEIGHT - y) }, bezier: false };
                vec![
                    Op::SetOutlineColor { col: grey(0.6) },
                    Op::SetOutlineThickness { pt: Pt(thickness) },
                    Op::DrawLine { line: Line { points: vec![point(from), point(to)], is_closed: false } },
                ]
            }
        }
    }
}
