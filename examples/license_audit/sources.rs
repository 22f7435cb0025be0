//! Where the manifests are: in the sources that cargo keeps of its registries, and in the workspace itself.
//!
//! In: a package. Out: what its manifest says of its licence, or why that cannot be told.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::files;
use super::lock::Package;

/// The places where manifests are looked for.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    /// The folder of the lock file.
    workspace: PathBuf,
    /// One folder for each registry, with the sources of its packages.
    registries: Vec<PathBuf>,
}

/// What a manifest says of the licence.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) version: String,
    /// An expression: `MIT OR Apache-2.0`.
    pub(crate) license: Option<String>,
    /// The name of a file with the text.
    pub(crate) license_file: Option<String>,
    /// The folder of the package.
    pub(crate) folder: PathBuf,
}

impl Sources {
    /// The sources for a lock file in this folder.
    pub(crate) fn of(workspace: &Path) -> anyhow::Result<Self> {
        let home = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
        let home = home.context("cannot tell where cargo keeps its sources; set CARGO_HOME")?;
        let mut registries = files::list(&home.join("registry/src"))?;
        registries.retain(|path| path.is_dir());
        Ok(Self { workspace: workspace.to_owned(), registries })
    }

    /// The packages of the workspace, as cargo knows them; none where there is only a lock file.
    pub(crate) fn members(&self) -> anyhow::Result<Vec<Manifest>> {
        if !self.workspace.join("Cargo.toml").exists() {
            return Ok(Vec::new());
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(&cargo);
        command.args(["metadata", "--offline", "--no-deps", "--format-version", "1"]).current_dir(&self.workspace);
        let output = command.output().with_context(|| format!("cannot run {}", cargo.display()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
            bail!("`cargo metadata` failed in {}: {said}", self.workspace.display());
        }
        let metadata: Metadata = serde_json::from_slice(&output.stdout).context("`cargo metadata` gave no JSON")?;
        Ok(metadata.packages.into_iter().map(Described::into_manifest).collect())
    }

    /// The manifest of a package of a registry.
    pub(crate) fn manifest(&self, package: &Package) -> anyhow::Result<Manifest> {
        let Package { name, version, source } = package;
        if !source.as_ref().is_some_and(|source| source.starts_with("registry+") || source.starts_with("sparse+")) {
            bail!("it comes from no registry, and is no package of the workspace");
        }
        let folders = self.registries.iter().map(|registry| registry.join(format!("{name}-{version}")));
        for folder in folders {
            let path = folder.join("Cargo.toml");
            let Some(bytes) = files::read(&path)? else { continue };
            let parsed: ManifestToml =
                files::parse_toml(&bytes).with_context(|| format!("{} is no manifest", path.display()))?;
            let Section { license, license_file } = parsed.package;
            let (name, version) = (name.clone(), version.clone());
            return Ok(Manifest { name, version, license, license_file, folder });
        }
        bail!("cargo has no sources of it here; `cargo fetch` gets them")
    }
}

/// A manifest of a registry: cargo has written it out, so nothing in it is inherited from a workspace.
#[derive(Deserialize)]
struct ManifestToml {
    package: Section,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Section {
    license: Option<String>,
    license_file: Option<String>,
}

/// What `cargo metadata` prints, as far as it is needed.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Described>,
}

#[derive(Deserialize)]
struct Described {
    name: String,
    version: String,
    license: Option<String>,
    license_file: Option<String>,
    manifest_path: PathBuf,
}

impl Described {
    fn into_manifest(self) -> Manifest {
        let Self { name, version, license, license_file, mut manifest_path } = self;
        manifest_path.pop();
        Manifest { name, version, license, license_file, folder: manifest_path }
    }
}
