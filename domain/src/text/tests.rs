use super::{RichText, Span, Style, attribution};

#[test]
fn the_attribution_names_author_and_chat() {
    let line = attribution(Some("Ada"), Some("News\n room"));
    assert_eq!(line.text, "Forwarded from Ada in News room");
    assert_eq!(line.spans[0], Span { offset: 0, length: 31, style: Style::Italic });
    assert_eq!(line.spans[1], Span { offset: 15, length: 3, style: Style::Bold });
    assert_eq!(line.spans[2], Span { offset: 22, length: 9, style: Style::Bold });
    assert_eq!(attribution(None, Some("News")).text, "Forwarded from News");
    assert_eq!(attribution(Some(" "), None), RichText::default());
    assert_eq!(super::discord::render(&line), "_Forwarded from **Ada** in **News room**_");
}

#[test]
fn joining_shifts_the_spans() {
    let pieces = [RichText::plain("😀"), RichText::default(), RichText::styled("b", Style::Bold)];
    let joined = RichText::join(&pieces, "\n");
    assert_eq!(
        joined,
        RichText { text: "😀\nb".to_owned(), spans: vec![Span { offset: 3, length: 1, style: Style::Bold }] }
    );
    assert_eq!(RichText::concat(&pieces).text, "😀b");
}
