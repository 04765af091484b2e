//! Text and spans in the making, while markdown is read.

use crate::text::{RichText, Span, Style, spans, units::Units};

/// Collects text and counts its UTF-16 units.
#[derive(Default)]
pub(super) struct Builder {
    text: String,
    units: usize,
    spans: Vec<Span>,
    /// A block has ended: whatever follows begins on a line of its own.
    break_due: bool,
}

impl Builder {
    pub(super) fn push(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if std::mem::take(&mut self.break_due) && !text.starts_with('\n') {
            self.text.push('\n');
            self.units += 1;
        }
        self.text.push_str(text);
        self.units += text.encode_utf16().count();
    }

    /// Where a span would begin now.
    pub(super) const fn mark(&self) -> usize {
        self.units
    }

    /// Puts `style` over everything since `mark`.
    pub(super) fn close(&mut self, mark: usize, style: Style) {
        if self.units > mark {
            self.spans.push(Span { offset: mark, length: self.units - mark, style });
        }
    }

    /// A block of code, on lines of its own.
    pub(super) fn block(&mut self, code: &str, language: &str) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.break_due = true;
        }
        if self.break_due {
            self.break_due = false;
            self.push("\n");
        }
        let mark = self.mark();
        self.push(code);
        self.close(mark, Style::Pre { language: language.to_owned() });
        self.break_due = true;
    }

    pub(super) fn finish(self) -> RichText {
        let mut rich = RichText { text: self.text, spans: self.spans };
        let units = Units::new(&rich.text);
        let cleaned = spans::clean(&rich, &units);
        rich.spans = cleaned
            .into_iter()
            .filter_map(|span| match span.style {
                Style::Code | Style::Pre { .. } => Some(span),
                _ => spans::trim(&span, &rich.text, &units),
            })
            .collect();
        spans::sort(&mut rich.spans);
        rich
    }
}
