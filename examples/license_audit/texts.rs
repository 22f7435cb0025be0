//! Licences by their texts, for packages that declare none by name.
//!
//! In: a package's folder and manifest. Out: which well-known texts stand there.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::files;
use super::licences::{Class, Verdict, class_of};
use super::sources::Manifest;

/// A well-known text: what it says, and what it does not say but a similar one does.
struct Known {
    name: &'static str,
    says: &'static [&'static str],
    lacks: &'static str,
}

const fn known(name: &'static str, says: &'static [&'static str], lacks: &'static str) -> Known {
    Known { name, says, lacks }
}

const NOTHING: &str = "\0";
const MIT: &str = "permission is hereby granted, free of charge, to any person obtaining a copy of this software and \
                   associated documentation files";
const NOTICE: &str = "this permission notice shall be included in all copies";
const BSD: &str = "redistribution and use in source and binary forms, with or without modification, are permitted";
const ENDORSE: &str = "to endorse or promote products derived from this software";
const ISC: &str = "permission to use, copy, modify, and/or distribute this software for any purpose with or without \
                   fee is hereby granted";
const COPIES: &str = "provided that the above copyright notice";

const KNOWN: [Known; 16] = [
    known("0BSD", &[ISC], COPIES),
    known("AGPL-3.0", &["gnu affero general public license version 3, 19 november 2007"], NOTHING),
    known("Apache-2.0", &["apache license version 2.0, january 2004"], NOTHING),
    known("BSD-2-Clause", &[BSD], ENDORSE),
    known("BSD-3-Clause", &[BSD, ENDORSE], NOTHING),
    known("BSL-1.0", &["boost software license - version 1.0"], NOTHING),
    known("CC0-1.0", &["cc0 1.0 universal"], NOTHING),
    known("GPL-2.0", &["gnu general public license version 2, june 1991"], NOTHING),
    known("GPL-3.0", &["gnu general public license version 3, 29 june 2007"], NOTHING),
    known("ISC", &[ISC, COPIES], NOTHING),
    known("LGPL-2.1", &["gnu lesser general public license version 2.1, february 1999"], NOTHING),
    known("LGPL-3.0", &["gnu lesser general public license version 3, 29 june 2007"], NOTHING),
    known("MIT", &[MIT, NOTICE], NOTHING),
    known("MIT-0", &[MIT], NOTICE),
    known("MPL-2.0", &["mozilla public license version 2.0"], NOTHING),
    known("Unlicense", &["this is free and unencumbered software released into the public domain"], NOTHING),
];

/// The names of the licences whose texts stand in this one.
pub(crate) fn recognise(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let is_there = |known: &&Known| known.says.iter().all(|says| text.contains(says)) && !text.contains(known.lacks);
    KNOWN.iter().filter(is_there).map(|known| known.name).collect()
}

/// What the licence texts of a package come to: all of them hold, as far as one can tell.
pub(crate) fn verdict(manifest: &Manifest) -> anyhow::Result<Verdict> {
    let mut names = BTreeSet::new();
    let (mut recognised, mut others) = (Vec::new(), Vec::new());
    for path in texts_of(manifest)? {
        let Some(bytes) = files::read(&path)? else { continue };
        let found = recognise(&String::from_utf8_lossy(&bytes));
        let file = path.strip_prefix(&manifest.folder).unwrap_or(&path).display().to_string();
        if found.is_empty() { &mut others } else { &mut recognised }.push(file);
        names.extend(found);
    }
    let class = match (names.iter().map(|name| class_of(name)).max(), others.is_empty()) {
        (Some(class), _) => class,
        (None, false) => Class::FileOnly,
        (None, true) => Class::Unknown,
    };
    let declared = manifest.license.iter().map(|expression| format!("`{expression}` is not understood"));
    let recognised = (!recognised.is_empty()).then(|| format!("by the text of {}", recognised.join(", ")));
    let others = (!others.is_empty()).then(|| format!("{} is not recognised", others.join(", ")));
    let notes: Vec<String> = declared.chain(recognised).chain(others).collect();
    let licence = names.into_iter().collect::<Vec<_>>().join(", ");
    Ok(Verdict { class, licence, note: notes.join("; ") })
}

/// The file that the manifest names, and those that are called as licences are; sorted.
fn texts_of(manifest: &Manifest) -> anyhow::Result<BTreeSet<PathBuf>> {
    let is_licence = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let begins = ["license", "licence", "copying", "unlicense"].iter().any(|begin| name.starts_with(begin));
        begins && path.is_file()
    };
    let named = manifest.license_file.iter().map(|name| manifest.folder.join(name));
    Ok(files::list(&manifest.folder)?.into_iter().filter(is_licence).chain(named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_texts_are_told_apart() {
        let bsd = "Redistribution and use in source and binary forms, with or without\n  modification, are permitted";
        assert_eq!(recognise(bsd), ["BSD-2-Clause"]);
        let endorse = "Neither the name may be used to endorse or promote products derived from this software";
        assert_eq!(recognise(&format!("{bsd}\n{endorse}")), ["BSD-3-Clause"]);
        let gpl = "GNU LESSER GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007 … version 3 of the GNU General Public";
        assert_eq!(recognise(gpl), ["LGPL-3.0"]);
        assert!(recognise("All rights reserved.").is_empty());
    }
}
