//! The ledger: a file that stands for all systems outside, each line one effect that has happened.
//!
//! In: effects under their idempotency keys. Out: one line for each key, on disk before `record` returns. Like a bank
//! that takes such keys, it does a thing once however often it is asked.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail, ensure};
use flow_examples::folder_of;
use serde::{Deserialize, Serialize};

/// Something that was done for an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Effect {
    pub(crate) key: String,
    pub(crate) order: String,
    pub(crate) what: String,
    pub(crate) detail: String,
}

/// The ledger, held by this process alone.
pub(crate) struct Ledger {
    path: PathBuf,
    book: Mutex<Book>,
}

struct Book {
    file: File,
    /// How much of the file is whole lines.
    len: u64,
    effects: HashMap<String, Effect>,
    /// After a failed sync nobody knows what is on disk, so nothing more is written.
    is_broken: bool,
}

impl Ledger {
    /// Opens the ledger, and makes it if it is not there.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let cannot = || format!("cannot open the ledger {}", path.display());
        let folder = folder_of(path);
        fs::create_dir_all(folder).with_context(cannot)?;
        ensure!(path.is_file() || !path.exists(), "the ledger {} is no file", path.display());
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).with_context(cannot)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("the ledger {} is held by another process", path.display()),
            Err(TryLockError::Error(error)) => return Err(error).with_context(cannot),
        }
        File::open(folder).and_then(|folder| folder.sync_all()).with_context(cannot)?;
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(cannot)?;
        // A line without an end was being written when the process was killed. Nobody was told that it is there.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let effects = parse(&text[..whole], path)?;
        file.set_len(whole as u64).with_context(cannot)?;
        let book = Mutex::new(Book { file, len: whole as u64, effects, is_broken: false });
        Ok(Self { path: path.to_owned(), book })
    }

    /// Lets this effect happen, unless it has happened under its key before.
    pub(crate) fn record(&self, effect: Effect) -> anyhow::Result<()> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = book.effects.get(&effect.key) {
            ensure!(*before == effect, "the key {} was used for another effect", effect.key);
            return Ok(());
        }
        let mut line = serde_json::to_vec(&effect)?;
        line.push(b'\n');
        book.append(&line).with_context(|| format!("cannot write the ledger {}", self.path.display()))?;
        book.effects.insert(effect.key.clone(), effect);
        Ok(())
    }
}

impl Book {
    fn append(&mut self, line: &[u8]) -> anyhow::Result<()> {
        ensure!(!self.is_broken, "an earlier write failed, so what is on disk is unknown; start again to read it");
        if let Err(error) = self.file.write_all(line) {
            // A part of the line may be there.
            self.is_broken = self.file.set_len(self.len).is_err();
            return Err(error.into());
        }
        if let Err(error) = self.file.sync_data() {
            self.is_broken = true;
            return Err(error.into());
        }
        self.len += line.len() as u64;
        Ok(())
    }
}

fn parse(text: &str, path: &Path) -> anyhow::Result<HashMap<String, Effect>> {
    let mut effects = HashMap::new();
    for (line, number) in text.lines().zip(1..) {
        let at = || format!("the ledger {} is damaged in line {number}; it is left as it is", path.display());
        let effect: Effect = serde_json::from_str(line).with_context(at)?;
        if let Some(Effect { key, .. }) = effects.insert(effect.key.clone(), effect) {
            return Err(anyhow::anyhow!("the key {key} stands there twice")).with_context(at);
        }
    }
    Ok(effects)
}
