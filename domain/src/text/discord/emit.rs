//! One line of text with its inline styles as markdown.

use super::{
    JOINT, Mentions,
    escape::{encode_url, escape},
    inline::parse,
    pieces::{Key, Piece, Token, pieces, tokens},
    prepare::{Prepared, fence_for},
};
use crate::text::{
    Style,
    urls::{ends_cleanly, trailing_punctuation},
};

/// Markdown for the units `from..to` of `doc`, a line without its end.
///
/// What is written is read again as a check. Where Discord's rules leave no way to say all of it (italics between a
/// bold word and a letter, say), styles are given up one after the other; the text and what is hidden never are.
pub(super) fn line(doc: &Prepared, from: usize, to: usize) -> String {
    let pieces = pieces(doc, from, to);
    if pieces.iter().all(|piece| piece.keys.is_empty()) {
        return write(doc, &pieces, &Manner::default());
    }
    let ways = [
        Manner::default(),
        Manner { star_italics: true, ..Manner::default() },
        Manner { without: &[Key::Italic], ..Manner::default() },
        Manner { without: &[Key::Italic, Key::Underline, Key::Strike], ..Manner::default() },
    ];
    for manner in &ways {
        let written = write(doc, &pieces, manner);
        if reads_back(doc, &pieces, manner, &written) {
            return written;
        }
    }
    let plain = Manner {
        without: &[Key::Italic, Key::Underline, Key::Strike, Key::Bold, Key::Code],
        spell_links: true,
        ..Manner::default()
    };
    write(doc, &pieces, &plain)
}

/// How a line is written; the default says everything.
#[derive(Default)]
struct Manner {
    star_italics: bool,
    without: &'static [Key],
    spell_links: bool,
}

fn write(doc: &Prepared, pieces: &[Piece<'_>], manner: &Manner) -> String {
    let tokens = tokens(pieces, manner.without);
    let mut out = String::new();
    let mut line_start = true;
    let mut italic = "*";
    let mut fence = "`";
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Open(key) => {
                let marker = match key {
                    Key::Italic => {
                        italic = italic_marker(&tokens, at, &out, manner);
                        italic
                    }
                    Key::Code => {
                        fence = code_fence(&tokens, at);
                        fence
                    }
                    Key::Link(_) if manner.spell_links => "",
                    Key::Link(_) => "[",
                    other => fixed_marker(*other),
                };
                let after_close = at > 0 && matches!(tokens[at - 1], Token::Close(_));
                if after_close && runs_together(&out, marker) {
                    out.push(JOINT);
                }
                out.push_str(marker);
                if *key == Key::Code && starts_with_backtick(&tokens, at) {
                    out.push(' ');
                }
            }
            Token::Close(key) => close(&mut out, doc, *key, manner, (italic, fence)),
            Token::Text(piece, _) => {
                write_text(&mut out, pieces, &tokens, at, line_start);
                line_start &= piece.is_blank();
            }
        }
    }
    out
}

fn close(out: &mut String, doc: &Prepared, key: Key, manner: &Manner, (italic, fence): (&str, &str)) {
    match key {
        Key::Italic => out.push_str(italic),
        Key::Code => {
            if out.ends_with('`') {
                out.push(' ');
            }
            out.push_str(fence);
        }
        Key::Link(index) => {
            if let Some(Style::Link { url }) = doc.spans.get(index).map(|span| &span.style) {
                let target = encode_url(url);
                out.push_str(&if manner.spell_links { format!(" ({target})") } else { format!("]({target})") });
            }
        }
        other => {
            let marker = fixed_marker(other);
            // Discord ends these two at the first pair of their character, escaped or not.
            if matches!(other, Key::Spoiler | Key::Strike) && out.ends_with(&marker[..1]) {
                out.push(JOINT);
            }
            out.push_str(marker);
        }
    }
}

const fn fixed_marker(key: Key) -> &'static str {
    match key {
        Key::Spoiler => "||",
        Key::Bold => "**",
        Key::Underline => "__",
        Key::Strike => "~~",
        Key::Italic | Key::Code | Key::Link(_) => "",
    }
}

/// `*` works everywhere but beside bold; `_` works beside bold, but not beside letters or underlined text.
fn italic_marker(tokens: &[Token<'_>], open: usize, out: &str, manner: &Manner) -> &'static str {
    let close =
        tokens.iter().skip(open).position(|token| matches!(token, Token::Close(Key::Italic))).map(|at| at + open);
    let Some(close) = close.filter(|_| !manner.star_italics) else { return "*" };
    let neighbours = [open.checked_sub(1), Some(open + 1), close.checked_sub(1), Some(close + 1)];
    let beside = |wanted: Key| {
        neighbours.into_iter().flatten().filter_map(|at| tokens.get(at)).any(|token| match token {
            Token::Open(key) | Token::Close(key) => *key == wanted,
            Token::Text(..) => false,
        })
    };
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let letter_after = match tokens.get(close + 1) {
        Some(Token::Text(piece, _)) => letter(piece.text.chars().next()),
        _ => false,
    };
    let underscore_works = !beside(Key::Underline) && !letter(out.chars().next_back()) && !letter_after;
    if beside(Key::Bold) && underscore_works { "_" } else { "*" }
}

/// The content of a code stretch ends at its close, so its pieces are looked at together.
fn code_fence(tokens: &[Token<'_>], open: usize) -> &'static str {
    fence_for(&code_content(tokens, open)).unwrap_or("`")
}

fn starts_with_backtick(tokens: &[Token<'_>], open: usize) -> bool {
    code_content(tokens, open).starts_with('`')
}

fn code_content(tokens: &[Token<'_>], open: usize) -> String {
    let inside = tokens[open + 1..].iter().map_while(|token| match token {
        Token::Text(piece, _) => Some(piece.text),
        Token::Open(_) | Token::Close(_) => None,
    });
    inside.collect()
}

/// True when the next marker would be read together with the one just written.
fn runs_together(out: &str, marker: &str) -> bool {
    let same = out.chars().next_back() == marker.chars().next();
    !marker.is_empty() && (same || (out.ends_with("~~") && marker.starts_with('_')))
}

/// Writes the text token at `at`.
fn write_text(out: &mut String, pieces: &[Piece<'_>], tokens: &[Token<'_>], at: usize, line_start: bool) {
    let Token::Text(piece, index) = &tokens[at] else { return };
    let in_code = tokens[..at].iter().rev().find_map(code_state).unwrap_or(false);
    if in_code {
        out.push_str(piece.text);
        return;
    }
    if piece.url {
        // Angle brackets say where the address ends when something would otherwise stick to it.
        if stands_alone(&tokens[at + 1..]) {
            out.push_str(piece.text);
        } else {
            out.push_str(&format!("<{}>", piece.text));
        }
        return;
    }
    let previous = index.checked_sub(1).map(|before| &pieces[before]);
    let after_bare_url = previous.is_some_and(|before| before.url) && !out.ends_with('>');
    let verbatim = if after_bare_url { trailing_punctuation(piece.text) } else { 0 };
    let (free, escaped) = piece.text.split_at(verbatim);
    let before = free.chars().next_back().or_else(|| previous.and_then(|piece| piece.text.chars().next_back()));
    out.push_str(free);
    out.push_str(&escape(escaped, line_start, before));
}

/// True when nothing but the punctuation of a sentence and closing markers comes between a URL and white space.
fn stands_alone(after: &[Token<'_>]) -> bool {
    let mut rest = String::new();
    for token in after {
        match token {
            Token::Open(_) => return false,
            Token::Close(_) => {}
            Token::Text(piece, _) => {
                rest.push_str(piece.text);
                if rest.contains(char::is_whitespace) {
                    break;
                }
            }
        }
    }
    ends_cleanly(&rest)
}

const fn code_state(token: &Token<'_>) -> Option<bool> {
    match token {
        Token::Open(Key::Code) => Some(true),
        Token::Close(Key::Code) => Some(false),
        _ => None,
    }
}

/// True when Discord would read `written` as the text and styles that it was written from.
fn reads_back(doc: &Prepared, pieces: &[Piece<'_>], manner: &Manner, written: &str) -> bool {
    let read = parse(written, &Mentions::default());
    let text: String = pieces.iter().map(|piece| piece.text).collect();
    if read.text != text {
        return false;
    }
    let mut at = 0;
    pieces.iter().all(|piece| {
        let (start, end) = (at, at + piece.text.encode_utf16().count());
        at = end;
        // White space may gain or lose a style unseen.
        piece.is_blank() || {
            let mut wanted: Vec<Style> = piece
                .keys
                .iter()
                .filter(|key| !manner.without.contains(key))
                .filter_map(|key| style(doc, *key))
                .collect();
            let covering = read.spans.iter().filter(|span| span.offset <= start && end <= span.end());
            let touching = read.spans.iter().filter(|span| span.offset < end && start < span.end()).count();
            let matched = covering
                .filter(|span| {
                    wanted.iter().position(|style| *style == span.style).map(|at| wanted.swap_remove(at)).is_some()
                })
                .count();
            wanted.is_empty() && matched == touching
        }
    })
}

fn style(doc: &Prepared, key: Key) -> Option<Style> {
    match key {
        Key::Spoiler => Some(Style::Spoiler),
        Key::Italic => Some(Style::Italic),
        Key::Bold => Some(Style::Bold),
        Key::Underline => Some(Style::Underline),
        Key::Strike => Some(Style::Strikethrough),
        Key::Code => Some(Style::Code),
        Key::Link(index) => match &doc.spans.get(index)?.style {
            Style::Link { url } => Some(Style::Link { url: encode_url(url) }),
            _ => None,
        },
    }
}
