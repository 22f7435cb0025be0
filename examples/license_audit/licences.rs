//! What is known of licences: how free each one is, and what an expression of several comes to.

use serde::{Deserialize, Serialize};

use super::sources::Manifest;

/// How free a licence is, from the freest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Class {
    Permissive,
    WeakCopyleft,
    Copyleft,
    /// There is a file with a text that is not known here, and nothing else.
    FileOnly,
    Unknown,
}

/// What is said of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) class: Class,
    /// As its author wrote it, or what its texts were recognised as.
    pub(crate) licence: String,
    /// How that was found, where it was not simply declared.
    pub(crate) note: String,
}

/// What the manifest alone tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Declared {
    Clear(Verdict),
    /// There is no expression, or none that is understood.
    Unclear,
}

/// The licence that a manifest declares.
pub(crate) fn declared(manifest: &Manifest) -> Declared {
    let Some(expression) = &manifest.license else { return Declared::Unclear };
    match class_of_expression(expression) {
        Class::Unknown => Declared::Unclear,
        class => Declared::Clear(Verdict { class, licence: expression.clone(), note: String::new() }),
    }
}

/// The licences of each class, without the `-only`, `-or-later` or `+` that may follow.
const KNOWN: [(Class, &[&str]); 3] = [
    (
        Class::Permissive,
        &[
            "0BSD",
            "Apache-1.1",
            "Apache-2.0",
            "BlueOak-1.0.0",
            "BSD-1-Clause",
            "BSD-2-Clause",
            "BSD-3-Clause",
            "BSL-1.0",
            "bzip2-1.0.6",
            "CC-BY-4.0",
            "CC0-1.0",
            "CDLA-Permissive-2.0",
            "curl",
            "FTL",
            "ISC",
            "Libpng",
            "MIT",
            "MIT-0",
            "MIT-CMU",
            "NCSA",
            "OpenSSL",
            "PostgreSQL",
            "PSF-2.0",
            "Unicode-3.0",
            "Unicode-DFS-2016",
            "Unlicense",
            "WTFPL",
            "X11",
            "Zlib",
        ],
    ),
    (
        Class::WeakCopyleft,
        &["CDDL-1.0", "CDDL-1.1", "EPL-1.0", "EPL-2.0", "LGPL-2.0", "LGPL-2.1", "LGPL-3.0", "MPL-1.1", "MPL-2.0"],
    ),
    (
        Class::Copyleft,
        &["AGPL-3.0", "CC-BY-SA-4.0", "EUPL-1.1", "EUPL-1.2", "GPL-2.0", "GPL-3.0", "OSL-3.0", "SSPL-1.0"],
    ),
];

/// Exceptions that let other code link to a GPL library.
const LINKING: [&str; 4] =
    ["Classpath-exception-2.0", "GCC-exception-2.0", "GCC-exception-3.1", "OpenJDK-assembly-exception-1.0"];

/// The class of one licence by its SPDX name.
pub(crate) fn class_of(name: &str) -> Class {
    let endings = ["-only", "-or-later", "+"];
    let name = endings.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    let class = KNOWN.iter().find(|(_, names)| names.iter().any(|known| known.eq_ignore_ascii_case(name)));
    class.map_or(Class::Unknown, |(class, _)| *class)
}

/// The class of an SPDX expression: of an `OR` one takes the freest, of an `AND` all hold. What cannot be parsed is
/// unknown.
pub(crate) fn class_of_expression(expression: &str) -> Class {
    // Old manifests write `MIT/Apache-2.0` for what is now `MIT OR Apache-2.0`.
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut rest = Rest(spaced.split_whitespace().collect());
    rest.0.reverse();
    match rest.either(MAX_DEPTH) {
        Some(class) if rest.0.is_empty() => class,
        _ => Class::Unknown,
    }
}

/// How deep parentheses may stand in each other.
const MAX_DEPTH: u32 = 16;

/// The words of an expression that are still to be read, the next one last.
struct Rest<'a>(Vec<&'a str>);

impl Rest<'_> {
    fn either(&mut self, depth: u32) -> Option<Class> {
        let mut class = self.all(depth)?;
        while self.takes("OR") {
            class = class.min(self.all(depth)?);
        }
        Some(class)
    }

    fn all(&mut self, depth: u32) -> Option<Class> {
        let mut class = self.one(depth)?;
        while self.takes("AND") {
            class = class.max(self.one(depth)?);
        }
        Some(class)
    }

    fn one(&mut self, depth: u32) -> Option<Class> {
        if self.takes("(") {
            let class = self.either(depth.checked_sub(1)?)?;
            return self.takes(")").then_some(class);
        }
        let class = class_of(self.0.pop()?);
        if !self.takes("WITH") {
            return Some(class);
        }
        let exception = self.0.pop()?;
        let is_linking = LINKING.iter().any(|known| known.eq_ignore_ascii_case(exception));
        Some(if is_linking && class == Class::Copyleft { Class::WeakCopyleft } else { class })
    }

    fn takes(&mut self, word: &str) -> bool {
        self.0.pop_if(|next| next.eq_ignore_ascii_case(word)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, expected: Class) {
        assert_eq!(class_of_expression(expression), expected, "{expression}");
    }

    #[test]
    fn one_takes_the_freest_of_a_choice_and_keeps_to_all_of_a_list() {
        check("MIT", Class::Permissive);
        check("GPL-3.0-or-later OR mit", Class::Permissive);
        check("MIT AND LGPL-2.1+", Class::WeakCopyleft);
        check("(MIT OR GPL-2.0-only) AND Unicode-3.0", Class::Permissive);
        check("MIT OR GPL-2.0 AND AGPL-3.0", Class::Permissive);
        check("(MIT OR GPL-2.0) AND AGPL-3.0", Class::Copyleft);
        check("MIT/Apache-2.0", Class::Permissive);
    }

    #[test]
    fn an_exception_for_linking_makes_copyleft_weak_and_others_change_nothing() {
        check("GPL-2.0 WITH Classpath-exception-2.0", Class::WeakCopyleft);
        check("Apache-2.0 WITH LLVM-exception", Class::Permissive);
        check("GPL-3.0 WITH LLVM-exception", Class::Copyleft);
        check("LicenseRef-own WITH Classpath-exception-2.0", Class::Unknown);
    }

    #[test]
    fn what_is_not_understood_is_unknown() {
        for expression in ["", "Own", "MIT OR", "OR MIT", "(MIT", "MIT)", "MIT Apache-2.0", "MIT WITH"] {
            check(expression, Class::Unknown);
        }
        check("Own OR MIT", Class::Permissive);
        check("Own AND MIT", Class::Unknown);
        check(&format!("{}MIT{}", "(".repeat(100_000), ")".repeat(100_000)), Class::Unknown);
    }
}
