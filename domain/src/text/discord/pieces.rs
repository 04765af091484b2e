//! A line cut into stretches of one style each, and the order in which their markers open and close.

use super::prepare::Prepared;
use crate::text::Style;

/// An inline style within a document; a link by its place among the spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Spoiler,
    Link(usize),
    Italic,
    Bold,
    Underline,
    Strike,
    Code,
}

/// A stretch of a line with one set of styles.
pub(super) struct Piece<'t> {
    pub(super) text: &'t str,
    pub(super) keys: Vec<Key>,
    pub(super) url: bool,
}

impl Piece<'_> {
    pub(super) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// What is written, in order.
pub(super) enum Token<'t> {
    Open(Key),
    Close(Key),
    Text(&'t Piece<'t>, usize),
}

/// The units `from..to` of `doc` cut wherever a style, a URL or white space begins or ends.
pub(super) fn pieces(doc: &Prepared, from: usize, to: usize) -> Vec<Piece<'_>> {
    let mut cuts: Vec<usize> = doc.spans.iter().flat_map(|span| [span.offset, span.end()]).collect();
    cuts.extend(doc.urls.iter().flat_map(|(start, end)| [*start, *end]));
    cuts.retain(|cut| from < *cut && *cut < to);
    cuts.extend([from, to]);
    cuts.sort_unstable();
    cuts.dedup();
    let mut pieces = Vec::new();
    for edge in cuts.windows(2) {
        let covers = |start: usize, end: usize| start <= edge[0] && edge[1] <= end;
        let text = doc.units.str(&doc.text, edge[0], edge[1]);
        let mut keys: Vec<Key> = Vec::new();
        for (index, span) in doc.spans.iter().enumerate().filter(|(_, span)| covers(span.offset, span.end())) {
            keys.extend(key(&span.style, index));
        }
        keys.sort_unstable();
        let url = doc.urls.iter().any(|(start, end)| covers(*start, *end));
        let core = text.trim();
        let lead = text.len() - text.trim_start().len();
        for text in [&text[..lead], core, &text[lead + core.len()..]] {
            if !text.is_empty() {
                pieces.push(Piece { text, keys: keys.clone(), url });
            }
        }
    }
    bare_edges(&mut pieces);
    pieces
}

const fn key(style: &Style, index: usize) -> Option<Key> {
    match style {
        Style::Bold => Some(Key::Bold),
        Style::Italic => Some(Key::Italic),
        Style::Underline => Some(Key::Underline),
        Style::Strikethrough => Some(Key::Strike),
        Style::Spoiler => Some(Key::Spoiler),
        Style::Code => Some(Key::Code),
        Style::Link { .. } => Some(Key::Link(index)),
        Style::Pre { .. }
        | Style::Quote
        | Style::ExpandableQuote
        | Style::Mention { .. }
        | Style::CustomEmoji { .. } => None,
    }
}

/// White space keeps a style only when the words on both sides have it, so that no marker stands beside a space.
fn bare_edges(pieces: &mut [Piece<'_>]) {
    for at in 0..pieces.len() {
        if !pieces[at].is_blank() {
            continue;
        }
        let word = |piece: &&Piece<'_>| !piece.is_blank();
        let before = pieces[..at].iter().rev().find(word).map_or(Vec::new(), |piece| piece.keys.clone());
        let after = pieces[at..].iter().find(word).map_or(Vec::new(), |piece| piece.keys.clone());
        pieces[at].keys.retain(|key| before.contains(key) && after.contains(key));
    }
}

/// Opens and closes so that markers nest: what reaches further is opened first, code last, and nothing before a space.
pub(super) fn tokens<'t>(pieces: &'t [Piece<'t>], without: &[Key]) -> Vec<Token<'t>> {
    let wanted = |at: usize| -> Vec<Key> {
        let keys = pieces.get(at).map_or(&[][..], |piece| &piece.keys);
        keys.iter().copied().filter(|key| !without.contains(key)).collect()
    };
    let mut tokens = Vec::new();
    let mut open: Vec<Key> = Vec::new();
    for at in 0..=pieces.len() {
        let needed = wanted(at);
        let blank = pieces.get(at).is_some_and(Piece::is_blank);
        let adds = |open: &[Key]| !blank && needed.iter().any(|key| !open.contains(key));
        // Nothing can be opened within code, so code is closed around what begins in it.
        let keep = open.iter().take_while(|key| needed.contains(key) && !(**key == Key::Code && adds(&open))).count();
        tokens.extend(open.drain(keep..).rev().map(Token::Close));
        let mut missing: Vec<Key> = needed.into_iter().filter(|key| !blank && !open.contains(key)).collect();
        let reach = |key: &Key| match key {
            Key::Code => 0,
            _ => pieces[at..].iter().take_while(|piece| piece.keys.contains(key)).count(),
        };
        missing.sort_by_key(|key| (usize::MAX - reach(key), *key));
        tokens.extend(missing.iter().copied().map(Token::Open));
        open.extend(missing);
        tokens.extend(pieces.get(at).map(|piece| Token::Text(piece, at)));
    }
    tokens
}
