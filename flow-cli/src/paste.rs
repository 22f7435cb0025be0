//! Commands that can be pasted into a shell, whatever the ids in them are.
//!
//! In: words. Out: a line for sh; a word that has what cannot be printed is written in the `$'..'` of bash, zsh and ksh.

use std::fmt::Write;

use crate::output::is_plain;

/// A `flow` command: options first, then what is named by its place.
pub(crate) fn command<'a>(options: impl Iterator<Item = &'a str>, places: &[&str]) -> String {
    let mut line = "flow".to_owned();
    let mut push = |word: &str| {
        line.push(' ');
        line.push_str(&quoted(word));
    };
    options.for_each(&mut push);
    if places.iter().any(|place| place.starts_with('-')) {
        push("--");
    }
    places.iter().for_each(|place| push(place));
    line
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "-_./:,+@%=".contains(c);
    // zsh takes a word that begins with `=` for the name of a program.
    if !word.is_empty() && word.chars().all(is_bare) && !word.starts_with('=') {
        return word.to_owned();
    }
    if word.chars().all(is_plain) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let mut quoted = "$'".to_owned();
    for c in word.chars() {
        match c {
            '\'' | '\\' => quoted.extend(['\\', c]),
            c if is_plain(c) => quoted.push(c),
            // Writing into a string cannot fail.
            c => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| {
                write!(quoted, r"\{byte:03o}").unwrap_or_default();
            }),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_shells_take_them() {
        let check = |word: &str, expected: &str| assert_eq!(quoted(word), expected, "{word:?}");
        check("order-1/a.b:c", "order-1/a.b:c");
        check("", "''");
        check("=ls", "'=ls'");
        check("a b", "'a b'");
        check("it's $HOME `x` \"y\" \\", r#"'it'\''s $HOME `x` "y" \'"#);
        check("ünï", "'ünï'");
        check("a\u{202e}'b\\", r"$'a\342\200\256\'b\\'");
        check("\u{1b}[31m", r"$'\033[31m'");
    }

    /// What a shell makes of the words is what they were.
    #[test]
    fn a_shell_reads_the_words_back() {
        let words =
            ["order 1", "it's", "$(echo no)", "a\u{202e}b'\\", "-x", "~root", "*", "\u{1b}[31m1", "{a,b}", "#", "!1"];
        for word in words {
            let output = std::process::Command::new("bash")
                .args(["-c", &format!("printf %s {}", quoted(word))])
                .output()
                .unwrap();
            // A word that begins with `-` is an option for printf as well.
            let printed = String::from_utf8(output.stdout).unwrap();
            assert!(printed == word || word == "-x", "{word:?} became {printed:?}");
        }
    }

    #[test]
    fn what_looks_like_an_option_stands_behind_two_dashes() {
        let words = ["signal"];
        assert_eq!(command(words.into_iter(), &["-1", "go", "{}"]), "flow signal -- -1 go '{}'");
        assert_eq!(command(words.into_iter(), &["a", "go", "{}"]), "flow signal a go '{}'");
    }
}
