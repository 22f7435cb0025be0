//! Text from outside → text that can be drawn: of a width that is known, and without what breaks a line or a file.

/// The text with a mark in place of each character that is not printed: control characters, those that turn the
/// direction of text, and those that no XML may have.
///
/// ```
/// assert_eq!(flow_picture::printable("a\u{1b}[31mb\n"), "a\u{fffd}[31mb\u{fffd}");
/// ```
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_printed(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

fn is_printed(c: char) -> bool {
    let turns = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let is_no_character = matches!(u32::from(c) & 0xffff, 0xfffe | 0xffff);
    !c.is_control() && !turns && !is_no_character
}

/// How many columns of a monospaced font a text takes. Beyond the alphabets of Europe each character counts for two,
/// which is never too little.
///
/// ```
/// assert_eq!(flow_picture::columns("préparer 包裹"), 13);
/// ```
pub fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

fn columns_of(c: char) -> usize {
    let is_narrow = c < '\u{1100}' || matches!(c, '\u{2010}'..='\u{2027}' | '\u{fffd}');
    if is_narrow { 1 } else { 2 }
}

/// The text as it is drawn: printable, and at most so many columns wide, with `…` where something was cut off.
pub(crate) fn cut(text: &str, most: usize) -> String {
    let mut taken = String::new();
    let mut width = 0;
    for c in text.chars() {
        width += columns_of(c);
        if width > most {
            // The dots take the place of the last characters.
            while columns(&taken) + 1 > most && taken.pop().is_some() {}
            taken.push('…');
            break;
        }
        taken.push(c);
    }
    printable(&taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_to_its_columns() {
        assert_eq!(cut("parcel", 6), "parcel");
        assert_eq!(cut("parcels", 6), "parce…");
        assert_eq!(cut(&"x".repeat(10_000), 40), format!("{}…", "x".repeat(39)));
        assert_eq!(cut("包裹包裹", 6), "包裹…");
        assert_eq!(columns("包裹…"), 5);
        assert_eq!(cut("", 6), "");
    }

    #[test]
    fn what_is_not_printed_is_marked() {
        assert_eq!(printable("a\0b\u{202e}c\u{fffe}d\u{1f600}"), "a\u{fffd}b\u{fffd}c\u{fffd}d\u{1f600}");
    }
}
