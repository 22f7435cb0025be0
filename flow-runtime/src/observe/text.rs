//! Texts of users, made fit for a line of a terminal or a log.
//!
//! In: names and messages with whatever is in them. Out: the same with nothing left that a terminal obeys.

use std::borrow::Cow;

/// A name as it may be shown: what a terminal would obey, or what turns the direction of the text, is written out.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_obeyed) { Cow::Owned(text.chars().flat_map(written_out).collect()) } else { text.into() }
}

/// A message on one line, each blank as one space.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<Cow<'_, str>> = text.split_whitespace().map(shown).collect();
    words.join(" ")
}

fn written_out(c: char) -> impl Iterator<Item = char> {
    let (escaped, plain) = if is_obeyed(c) { (Some(c.escape_debug()), None) } else { (None, Some(c)) };
    escaped.into_iter().flatten().chain(plain)
}

/// Control characters, breaks of lines and paragraphs, marks of direction, and what has no width.
fn is_obeyed(c: char) -> bool {
    let is_mark = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    c.is_control() || is_mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_written_out_and_the_rest_is_as_it_was() {
        assert_eq!(shown("größe[3].ship 'x\\' 貨"), "größe[3].ship 'x\\' 貨");
        assert_eq!(shown("a\u{1b}[2J\r\nb\u{9b}\u{202e}c\0"), "a\\u{1b}[2J\\r\\nb\\u{9b}\\u{202e}c\\0");
        assert_eq!(one_line("  disk\n\n full:\t\u{7}now "), "disk full: \\u{7}now");
    }
}
