//! Text from a store, as it may stand in a terminal.
//!
//! In: any text. Out: one line, in which what moves a cursor, changes colours, turns the direction of writing around or
//! cannot be seen is written out: `\n`, `\u{1b}`, `\u{202e}`. Backslashes stay as they are: this is for reading.

use std::borrow::Cow;

/// The text as one line that shows what is in it and does nothing.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_plain(c) { escaped.push(c) } else { escaped.extend(c.escape_debug()) }
    }
    Cow::Owned(escaped)
}

/// Whether a character is seen as it is. Controls, formats (which turn text around or have no width), separators of
/// lines, private and unassigned characters are not.
pub(crate) fn is_plain(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    if c.escape_debug().next() == Some(c) {
        return true;
    }
    // What extends the character before it, an accent, is escaped where it stands alone and is fine elsewhere.
    let behind: String = ['a', c].into_iter().collect();
    behind.escape_debug().nth(1) == Some(c)
}

/// The text, escaped and cut to so many characters.
pub(crate) fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    // What is behind the cut need not be looked at, however long it is.
    let Some((end, _)) = text.char_indices().nth(most) else { return escaped(text) };
    let kept = escaped(text.get(..end).unwrap_or_default());
    Cow::Owned(format!("{kept}…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_written_out() {
        let check = |text: &str, expected: &str| assert_eq!(escaped(text), expected, "{text:?}");
        check("order-1", "order-1");
        check("\u{1b}[31mred\u{1b}[0m", r"\u{1b}[31mred\u{1b}[0m");
        check("a\nb\r\tc\0\u{7f}\u{9b}", r"a\nb\r\tc\0\u{7f}\u{9b}");
        check("a\u{202e}b\u{2066}\u{200b}\u{feff}\u{2028}", r"a\u{202e}b\u{2066}\u{200b}\u{feff}\u{2028}");
        check("it's \"so\" \\n", "it's \"so\" \\n");
        check("e\u{301} ü 漢字 🦀", "e\u{301} ü 漢字 🦀");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shortened("üüü", 3), "üüü");
        assert_eq!(shortened("üüüü", 3), "üüü…");
        assert_eq!(shortened("\u{1b}bc", 1), r"\u{1b}…");
    }
}
