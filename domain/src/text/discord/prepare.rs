//! Bringing text into a form that markdown can say: blocks on their own lines, links that Discord would not hide
//! spelled out, styles off where their markers could not work.

use std::collections::BTreeSet;

use unicode_segmentation::UnicodeSegmentation as _;

use super::escape::encode_url;
use crate::text::{
    RichText, Span, Style,
    spans::{clean, overlap, subtract, trim},
    units::Units,
    urls::{find_urls, is_invisible, looks_like_url},
};

/// Text and spans that can be written line by line, and where its bare URLs are.
pub(super) struct Prepared {
    pub(super) text: String,
    pub(super) units: Units,
    pub(super) spans: Vec<Span>,
    /// Units of the bare URLs outside of code and links.
    pub(super) urls: Vec<(usize, usize)>,
}

/// The text with everything said in it that markdown cannot say; `url_max` is the longest URL of a masked link.
pub(super) fn spell_out(rich: &RichText, url_max: usize) -> RichText {
    let units = Units::new(&rich.text);
    let mut spans: Vec<Span> = Vec::new();
    for span in whole_graphemes(rich, &units) {
        match span.style {
            Style::Mention { .. } | Style::CustomEmoji { .. } => {}
            // Of two links over the same words the first one stands.
            Style::Link { .. } => {
                let taken: Vec<Span> = spans.iter().filter(|span| is_link(span)).cloned().collect();
                let free = outside(&[span], taken.iter());
                spans.extend(free.iter().filter_map(|span| trim(span, &rich.text, &units)));
            }
            _ => spans.push(span),
        }
    }
    let text = RichText { text: rich.text.clone(), spans };
    blocks_on_lines(spell_out_links(text, &units, url_max))
}

/// The spans of the text, [clean], and reaching over whole graphemes: a marker or a line break within one would take it
/// apart.
fn whole_graphemes(rich: &RichText, units: &Units) -> Vec<Span> {
    let spans = clean(rich, units);
    if spans.is_empty() || rich.text.is_ascii() {
        return spans;
    }
    let mut bounds: Vec<usize> = rich.text.grapheme_indices(true).map(|(at, _)| units.unit(at)).collect();
    bounds.push(units.len());
    let reaching = spans.into_iter().map(|span| {
        let before = bounds.partition_point(|at| *at <= span.offset).saturating_sub(1);
        let after = bounds.partition_point(|at| *at < span.end());
        let [offset, end] = [before, after].map(|place| bounds.get(place).copied().unwrap_or(units.len()));
        Span { offset, length: end.saturating_sub(offset), style: span.style }
    });
    clean(&RichText { spans: reaching.collect(), text: rich.text.clone() }, units)
}

/// Settles which style holds where. `rich` has passed [`spell_out`].
pub(super) fn settle(rich: RichText) -> Prepared {
    let units = Units::new(&rich.text);
    let RichText { text, spans } = rich;
    let (blocks, inline): (Vec<Span>, Vec<Span>) = spans.into_iter().partition(is_pre);
    let spoilers: Vec<Span> = inline.iter().filter(|span| span.style == Style::Spoiler).cloned().collect();
    let hidden = |span: &Span| spoilers.iter().any(|spoiler| overlap(spoiler, span));
    let mut kept = Vec::new();
    for block in blocks {
        let code = units.str(&text, block.offset, block.end());
        let breaks_spoiler = hidden(&block) && (code.contains("||") || code.ends_with('|'));
        if hidden(&block) {
            // A block is hidden as a whole or not at all; rather too much than too little.
            kept.push(Span { style: Style::Spoiler, ..block.clone() });
        }
        if !breaks_spoiler {
            kept.push(block);
        }
    }
    let pre: Vec<Span> = kept.iter().filter(|span| is_pre(span)).cloned().collect();
    let mut code: Vec<Span> = inline.iter().filter(|span| span.style == Style::Code).cloned().collect();
    code = outside(&code, pre.iter().chain(inline.iter().filter(|span| is_link(span))));
    code.retain(|span| {
        let content = units.str(&text, span.offset, span.end());
        fits_in_backticks(content) && !(content.contains('|') && hidden(span))
    });
    for span in inline.into_iter().filter(|span| span.style != Style::Code) {
        match span.style {
            Style::Spoiler | Style::Quote | Style::ExpandableQuote => kept.push(span),
            Style::Link { .. } => kept.extend(outside(&[span], pre.iter())),
            _ => kept.extend(outside(&[span], pre.iter().chain(&code))),
        }
    }
    // An address is code as a whole or not at all.
    let urls = bare_urls(&text, &units, &kept);
    let halved = |span: &Span, (from, to): (usize, usize)| {
        span.offset < to && from < span.end() && (from < span.offset || span.end() < to)
    };
    for span in &code {
        let holes: Vec<(usize, usize)> = urls.iter().copied().filter(|url| halved(span, *url)).collect();
        kept.extend(subtract(span, &holes));
    }
    let urls = bare_urls(&text, &units, &kept);
    let spans = clear_urls(kept, &urls, &text, &units);
    let spans =
        spans.iter().filter_map(|span| if is_block(span) { Some(span.clone()) } else { trim(span, &text, &units) });
    let settled = RichText { spans: spans.collect(), text };
    Prepared { spans: clean(&settled, &units), text: settled.text, units, urls }
}

/// Puts links into words that Discord would not show as links, and leaves bare those that name their own address.
fn spell_out_links(mut rich: RichText, units: &Units, url_max: usize) -> RichText {
    let mut spelled: Vec<(usize, String)> = Vec::new();
    let text = &rich.text;
    rich.spans.retain(|span| {
        let Style::Link { url } = &span.style else { return true };
        let label = units.str(text, span.offset, span.end());
        let masked = can_mask(label, url, url_max);
        if !masked && label != url && !url.trim().is_empty() {
            spelled.push((span.end(), format!(" ({})", url.trim())));
        }
        masked && label != url
    });
    spelled.sort_by_key(|(at, _)| *at);
    for (at, words) in spelled.iter().rev() {
        insert(&mut rich, *at, words);
    }
    rich
}

fn can_mask(label: &str, url: &str, url_max: usize) -> bool {
    let target = encode_url(url);
    let http = target.starts_with("https://") || target.starts_with("http://");
    let visible = label.chars().any(|c| !c.is_whitespace() && !is_invisible(c));
    let brackets_pair = !label.contains(['[', ']']) || (!label.contains('\n') && pairs(label));
    http && target.encode_utf16().count() <= url_max && visible && brackets_pair && !looks_like_url(label)
}

fn pairs(label: &str) -> bool {
    let mut open = 0_usize;
    for c in label.chars() {
        match c {
            '[' => open += 1,
            ']' if open == 0 => return false,
            ']' => open -= 1,
            _ => {}
        }
    }
    open == 0
}

/// Inserts line breaks so that blocks of code and quotes begin and end with a line.
fn blocks_on_lines(rich: RichText) -> RichText {
    let units = Units::new(&rich.text);
    let RichText { text, spans } = rich;
    let (blocks, mut kept): (Vec<Span>, Vec<Span>) = spans.into_iter().partition(is_block);
    let mut breaks = BTreeSet::new();
    let mut taken: Vec<Span> = Vec::new();
    for block in blocks {
        let free = if is_pre(&block) { outside(&[block], taken.iter()) } else { vec![block] };
        for part in free.iter().filter_map(|part| trim_lines(part, &text, &units)) {
            if part.offset > 0 && !text[..units.byte(part.offset)].ends_with('\n') {
                breaks.insert(part.offset);
            }
            if part.end() < units.len() && !text[units.byte(part.end())..].starts_with('\n') {
                breaks.insert(part.end());
            }
            if is_pre(&part) {
                taken.push(part.clone());
            }
            kept.push(part);
        }
    }
    let mut lined = RichText { text, spans: kept };
    for at in breaks.iter().rev() {
        insert(&mut lined, *at, "\n");
    }
    lined
}

/// The block without line breaks at its edges, a quote also without white space at its end; `None` when it is blank.
fn trim_lines(span: &Span, text: &str, units: &Units) -> Option<Span> {
    let covered = units.str(text, span.offset, span.end());
    let lead = covered.len() - covered.trim_start_matches('\n').len();
    let body = covered[lead..].trim_end_matches(if is_pre(span) { |c| c == '\n' } else { char::is_whitespace });
    let length = body.encode_utf16().count();
    (!covered.trim().is_empty()).then(|| Span { offset: span.offset + lead, length, style: span.style.clone() })
}

/// Inserts `words` before unit `at`; spans around it grow, spans that end there do not.
fn insert(rich: &mut RichText, at: usize, words: &str) {
    let byte = Units::new(&rich.text).byte(at);
    rich.text.insert_str(byte, words);
    let shift = words.encode_utf16().count();
    for span in &mut rich.spans {
        if span.offset >= at {
            span.offset += shift;
        } else if span.end() > at {
            span.length += shift;
        }
    }
}

fn bare_urls(text: &str, units: &Units, spans: &[Span]) -> Vec<(usize, usize)> {
    let all = Span { offset: 0, length: units.len(), style: Style::Bold };
    let opaque = spans.iter().filter(|span| span.style == Style::Code || is_pre(span) || is_link(span));
    let stretches = outside(&[all], opaque);
    let found = stretches.iter().flat_map(|stretch| {
        let start = units.byte(stretch.offset);
        let urls = find_urls(units.str(text, stretch.offset, stretch.end()));
        urls.into_iter().map(move |(from, to)| (units.unit(start + from), units.unit(start + to)))
    });
    found.collect()
}

/// Takes styles off URLs that they only touch or whose characters would end them; hides a URL wholly or not.
fn clear_urls(spans: Vec<Span>, urls: &[(usize, usize)], text: &str, units: &Units) -> Vec<Span> {
    let links: Vec<(usize, usize, String)> = spans
        .iter()
        .filter_map(|span| match &span.style {
            Style::Link { url } => Some((span.offset, span.end(), encode_url(url))),
            _ => None,
        })
        .collect();
    let bare = urls.iter().map(|(from, to)| (*from, *to, units.str(text, *from, *to).to_owned()));
    let addresses: Vec<(usize, usize, String)> = bare.chain(links).collect();
    let mut cleared = Vec::new();
    for mut span in spans {
        let touching = urls.iter().filter(|(from, to)| span.offset < *to && *from < span.end());
        if span.style == Style::Spoiler {
            let end = touching.clone().map(|(_, to)| *to).fold(span.end(), usize::max);
            span.offset = touching.map(|(from, _)| *from).fold(span.offset, usize::min);
            span.length = end - span.offset;
            cleared.push(span);
            continue;
        }
        if is_block(&span) || is_link(&span) || span.style == Style::Code {
            cleared.push(span);
            continue;
        }
        let cut = touching.copied().filter(|(from, to)| *from < span.offset || span.end() < *to);
        let ended =
            addresses.iter().filter(|(_, _, url)| ends_early(&span.style, url)).map(|(from, to, _)| (*from, *to));
        let holes: Vec<(usize, usize)> = cut.chain(ended).collect();
        cleared.extend(subtract(&span, &holes));
    }
    cleared
}

/// True when the markers of `style` could be taken to end within `url`.
fn ends_early(style: &Style, url: &str) -> bool {
    match style {
        Style::Bold => url.contains('*'),
        Style::Italic => url.contains(['*', '_']),
        Style::Underline => url.contains("__") || url.ends_with('_'),
        Style::Strikethrough => url.contains("~~") || url.ends_with('~'),
        _ => false,
    }
}

/// Discord knows one or two backticks around inline code, so the content must leave one of the two free.
fn fits_in_backticks(content: &str) -> bool {
    fence_for(content).is_some()
}

/// The fence that does not occur in `content` as a run of backticks.
pub(super) fn fence_for(content: &str) -> Option<&'static str> {
    let runs: Vec<usize> = content.split(|c| c != '`').map(str::len).collect();
    ["`", "``"].into_iter().find(|fence| !runs.contains(&fence.len()))
}

fn outside<'s>(spans: &[Span], holes: impl Iterator<Item = &'s Span>) -> Vec<Span> {
    let holes: Vec<(usize, usize)> = holes.map(|hole| (hole.offset, hole.end())).collect();
    spans.iter().flat_map(|span| subtract(span, &holes)).collect()
}

const fn is_pre(span: &Span) -> bool {
    matches!(span.style, Style::Pre { .. })
}

const fn is_link(span: &Span) -> bool {
    matches!(span.style, Style::Link { .. })
}

const fn is_block(span: &Span) -> bool {
    matches!(span.style, Style::Pre { .. }) || span.style.is_quote()
}
