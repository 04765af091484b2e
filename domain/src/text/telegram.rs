//! Text as Telegram takes it: a message and entities that nest, hold no white space at their edges and number at
//! most [`ENTITIES_MAX`].

use super::{RichText, Span, Style, cut::best_cut, spans, units::Units};

/// The longest text of a message, in UTF-16 units (core.telegram.org `config.message_length_max`).
pub const TEXT_UTF16_MAX: usize = 4096;
/// The longest caption, in UTF-16 units (core.telegram.org `caption_length_limit_default`; premium accounts have more).
pub const CAPTION_UTF16_MAX: usize = 1024;
/// Entities that Telegram keeps in one message; it drops the others without a word.
pub const ENTITIES_MAX: usize = 100;

/// True for styles that may be sent to Telegram as an entity.
///
/// A mention is one where it names somebody by Telegram's id. It pings: who must not be pinged must not be in the text.
#[must_use]
pub const fn accepts(style: &Style) -> bool {
    match style {
        Style::Bold
        | Style::Italic
        | Style::Underline
        | Style::Strikethrough
        | Style::Spoiler
        | Style::Code
        | Style::Pre { .. }
        | Style::Quote
        | Style::ExpandableQuote
        | Style::Link { .. }
        | Style::CustomEmoji { .. } => true,
        Style::Mention { user_id, .. } => user_id.is_some(),
    }
}

/// The text as Telegram would store it, so that what is sent is also what is read back.
///
/// Spans are clamped to the text, trimmed, nested and limited to the first [`ENTITIES_MAX`]. Code and blocks of code
/// carry no other style, but give way to what would be lost or revealed by them: links and spoilers. White space is
/// cut from both ends of the text, except for the indentation of code.
#[must_use]
pub fn normalise(rich: RichText) -> RichText {
    let mut normal = canonical(&rich);
    normal.spans.truncate(ENTITIES_MAX);
    normal
}

/// Messages of at most `limit` UTF-16 units (at least 2: a surrogate pair is never cut), each [normalised](normalise),
/// which together hold the whole text. White space at the cuts is dropped, as Telegram itself would drop it.
#[must_use]
pub fn split(rich: &RichText, limit: usize) -> Vec<RichText> {
    let whole = canonical(rich);
    let units = Units::new(&whole.text);
    let mut pieces = Vec::new();
    let mut from = 0;
    while from < units.len() {
        let to = best_cut(&whole.text, &units, from, from + limit.max(2));
        let piece = normalise(whole.slice(&units, from, to));
        if !piece.is_blank() {
            pieces.push(piece);
        }
        from = to;
    }
    pieces
}

fn canonical(rich: &RichText) -> RichText {
    let units = Units::new(&rich.text);
    let mut spans = spans::clean(rich, &units);
    spans.retain(|span| accepts(&span.style) && leads_somewhere(span, &rich.text, &units));
    // Before the cuts, so that quotes have their final edges, and after them, for a cut may leave a blank piece.
    let trimmed = |spans: Vec<Span>| -> Vec<Span> {
        spans.into_iter().filter_map(|span| trim_span(span, &rich.text, &units)).collect()
    };
    let apart = trimmed(part_quotes(trimmed(exclude(&spans))));
    let spans = spans::nest(trimmed(cut_at_quotes(apart)));
    trim_text(RichText { text: rich.text.clone(), spans }, &units)
}

/// Telegram links a bare address by itself and refuses schemes that its clients cannot open.
fn leads_somewhere(span: &Span, text: &str, units: &Units) -> bool {
    let Style::Link { url } = &span.style else { return true };
    let scheme = url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    let opens = matches!(scheme.as_deref(), Some("http" | "https" | "tg" | "ton" | "mailto" | "tel"));
    opens && units.str(text, span.offset, span.end()) != url
}

const fn is_code(span: &Span) -> bool {
    matches!(span.style, Style::Code | Style::Pre { .. })
}

/// Code keeps its white space unless it is nothing else.
fn trim_span(span: Span, text: &str, units: &Units) -> Option<Span> {
    let trimmed = spans::trim(&span, text, units)?;
    Some(if is_code(&span) { span } else { trimmed })
}

/// Where two kinds of quotes overlap, the earlier one stays.
fn part_quotes(spans: Vec<Span>) -> Vec<Span> {
    let mut apart: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        if !span.style.is_quote() {
            apart.push(span);
            continue;
        }
        let of_other_kind = apart.iter().filter(|earlier| earlier.style.is_quote() && earlier.style != span.style);
        let taken: Vec<(usize, usize)> = of_other_kind.map(|earlier| (earlier.offset, earlier.end())).collect();
        apart.extend(spans::subtract(&span, &taken));
    }
    apart
}

/// A quote stays in one piece: what reaches over its edge is cut there.
fn cut_at_quotes(spans: Vec<Span>) -> Vec<Span> {
    let (quotes, others): (Vec<Span>, Vec<Span>) = spans.into_iter().partition(|span| span.style.is_quote());
    let edges: Vec<usize> = quotes.iter().flat_map(|quote| [quote.offset, quote.end()]).collect();
    let mut cut = quotes;
    for span in others {
        let mut at: Vec<usize> =
            edges.iter().copied().filter(|edge| span.offset < *edge && *edge < span.end()).collect();
        at.extend([span.offset, span.end()]);
        at.sort_unstable();
        at.dedup();
        cut.extend(at.windows(2).map(|edge| Span {
            offset: edge[0],
            length: edge[1] - edge[0],
            style: span.style.clone(),
        }));
    }
    cut
}

/// Applies who may stand over whom: spoilers and links over code, code over everything else but quotes.
fn exclude(spans: &[Span]) -> Vec<Span> {
    let holes = |wanted: fn(&Style) -> bool| -> Vec<(usize, usize)> {
        spans.iter().filter(|span| wanted(&span.style)).map(|span| (span.offset, span.end())).collect()
    };
    let guards = holes(|style| matches!(style, Style::Spoiler | Style::Link { .. }));
    let mut code: Vec<Span> = Vec::new();
    // Blocks first, so that inline code gives way to them; of two blocks the earlier one stays.
    for wanted in [true, false] {
        for span in spans.iter().filter(|span| is_code(span) && matches!(span.style, Style::Pre { .. }) == wanted) {
            let mut taken = guards.clone();
            taken.extend(code.iter().map(|span| (span.offset, span.end())));
            code.extend(spans::subtract(span, &taken));
        }
    }
    let taken: Vec<(usize, usize)> = code.iter().map(|span| (span.offset, span.end())).collect();
    let others = spans.iter().filter(|span| !is_code(span)).flat_map(|span| match span.style {
        Style::Quote | Style::ExpandableQuote => vec![span.clone()],
        _ => spans::subtract(span, &taken),
    });
    let mut all: Vec<Span> = others.collect();
    all.extend(code);
    all
}

fn trim_text(rich: RichText, units: &Units) -> RichText {
    let text = rich.text.trim_end();
    let code = rich.spans.iter().filter(|span| is_code(span)).map(|span| units.byte(span.offset)).min();
    let lead = text.len() - text.trim_start().len();
    let lead = lead.min(code.unwrap_or(lead));
    let (from, to) = (units.unit(lead), units.unit(text.len()));
    rich.slice(units, from, to.max(from))
}

#[cfg(test)]
mod tests;
