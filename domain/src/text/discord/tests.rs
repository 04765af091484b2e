//! Tables for reading and writing, and the properties that tie the two together.

mod parsing;
mod properties;
mod rendering;
mod splitting;

use super::{Mentions, parse};
use crate::text::{RichText, Style};

/// The spans as `Style[covered text]`, in order.
fn spans_of(rich: &RichText) -> Vec<String> {
    let units: Vec<u16> = rich.text.encode_utf16().collect();
    let covered = rich.spans.iter().map(|span| {
        let text = String::from_utf16(&units[span.offset..span.end()]).expect("spans cover whole characters");
        let name = match &span.style {
            Style::Pre { language } => format!("pre({language})"),
            Style::Link { url } => format!("link({url})"),
            other => format!("{other:?}").split(' ').next().unwrap_or_default().to_lowercase(),
        };
        format!("{name}[{text}]")
    });
    covered.collect()
}

/// Reads `markdown` and checks the text and, in any order, the spans.
fn check_parse(markdown: &str, text: &str, spans: &[&str]) {
    let mentions = Mentions::default().user(7, "Ada").channel(8, "general").role(9, "staff");
    let rich = parse(markdown, &mentions);
    let (mut found, mut wanted) = (spans_of(&rich), spans.to_vec());
    found.sort();
    wanted.sort_unstable();
    assert_eq!((rich.text.as_str(), found), (text, wanted.iter().map(ToString::to_string).collect()), "{markdown:?}");
}

/// Text with spans given as (covered text, style); the first occurrence counts.
fn rich(text: &str, spans: &[(&str, Style)]) -> RichText {
    let mut rich = RichText::plain(text);
    for (covered, style) in spans {
        let at = text.find(covered).expect("the text holds what the span covers");
        rich.spans.push(crate::text::Span {
            offset: text[..at].encode_utf16().count(),
            length: covered.encode_utf16().count(),
            style: style.clone(),
        });
    }
    crate::text::spans::sort(&mut rich.spans);
    rich
}

fn link(url: &str) -> Style {
    Style::Link { url: url.to_owned() }
}

fn pre(language: &str) -> Style {
    Style::Pre { language: language.to_owned() }
}
