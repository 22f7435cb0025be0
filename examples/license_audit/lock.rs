//! A `Cargo.lock`: its bytes come in, the packages it names go out, sorted.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::files;

/// The newest version of the format that is known here.
const NEWEST: u32 = 4;

/// A package that a lock file names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Where it comes from, as cargo writes it: `registry+https://…`. None for a package of the workspace itself.
    pub(crate) source: Option<String>,
}

/// What a lock file says.
pub(crate) struct Lock {
    pub(crate) packages: Vec<Package>,
    /// Names the content of the file: another content, another name.
    pub(crate) run_id: String,
}

#[derive(Deserialize)]
struct LockToml {
    version: Option<u32>,
    package: Option<Vec<Package>>,
}

/// Reads a lock file.
pub(crate) fn read(path: &Path) -> anyhow::Result<Lock> {
    let bytes = files::read(path)?.with_context(|| format!("there is no {}", path.display()))?;
    parse(&bytes).with_context(|| format!("{} is no lock file that can be read", path.display()))
}

fn parse(bytes: &[u8]) -> anyhow::Result<Lock> {
    let LockToml { version, package } = files::parse_toml(bytes)?;
    if let Some(version) = version.filter(|version| *version > NEWEST) {
        bail!("it is of version {version}, and versions up to {NEWEST} are known");
    }
    let packages: BTreeSet<Package> = package.context("it has no `[[package]]`")?.into_iter().collect();
    for Package { name, version, .. } in &packages {
        ensure!(is_word(name, "-_"), "`{}` is no name of a package", name.escape_debug());
        ensure!(is_word(version, "-+."), "`{}` is no version of `{name}`", version.escape_debug());
    }
    let run_id = Sha256::digest(bytes).iter().take(8).fold(String::from("lock-"), |id, byte| format!("{id}{byte:02x}"));
    Ok(Lock { packages: packages.into_iter().collect(), run_id })
}

/// Whether this can be a part of a file name: letters, digits and a few other signs.
fn is_word(text: &str, others: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}
