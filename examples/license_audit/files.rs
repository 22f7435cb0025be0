//! Files as the audit reads them: none longer than a limit, and every error says which file it was.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use serde::de::DeserializeOwned;

/// The longest file that is read.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The bytes of a file, if it is there.
pub(crate) fn read(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let cannot = || format!("cannot read {}", path.display());
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.with_context(cannot)?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).with_context(cannot)?;
    ensure!(bytes.len() as u64 <= MAX_BYTES, "{} has more than {MAX_BYTES} bytes", path.display());
    Ok(Some(bytes))
}

/// What stands in a folder, sorted; nothing if there is no such folder.
pub(crate) fn list(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cannot = || format!("cannot read the folder {}", folder.display());
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(cannot)?,
    };
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.with_context(cannot)?;
    paths.sort();
    Ok(paths)
}

/// A value from TOML; an error says the line.
pub(crate) fn parse_toml<T: DeserializeOwned>(bytes: &[u8]) -> anyhow::Result<T> {
    let text = std::str::from_utf8(bytes).context("it is no UTF-8 text")?;
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1);
        let at = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        anyhow!("{at}{}", error.message())
    })
}
