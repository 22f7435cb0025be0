//! `flow new`: an application to begin with.
//!
//! In: a path. Out: a folder with the files of `flow-cli/template/`, in which the name and where `flow-runtime` comes from
//! are put. The template's program is an example of this crate, so it is compiled and tested with it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::paste;
use crate::session::Session;

/// The files of an application.
const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../../template/Cargo.toml.template")),
    ("src/main.rs", include_str!("../../template/src/main.rs")),
    (".gitignore", include_str!("../../template/gitignore")),
];

/// What to type next, from within the folder.
const NEXT: &[(&str, &str)] = &[
    ("cargo run -- --crash", "dies half-way, as when the power goes"),
    ("cargo run", "goes on from there"),
    ("flow --store fb:runs graph trip-1", "draws the run"),
    ("cargo test", "kills it at each commit and compares"),
];

/// Make an application to begin with
#[derive(Args, Debug)]
pub(crate) struct New {
    /// The folder to make; its last part is the application's name
    path: PathBuf,
    /// Take `flow-runtime` from this folder, or from the checkout of Flow in it, and not from crates.io
    #[arg(long, value_name = "FOLDER")]
    runtime: Option<PathBuf>,
}

#[derive(Serialize)]
struct Document {
    name: String,
    path: String,
    files: Vec<&'static str>,
}

impl New {
    #[expect(clippy::unused_async, reason = "all commands are called alike")]
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let name = name_of(&self.path)?;
        let runtime = self.runtime.as_deref().map(runtime_in).transpose()?;
        make_folder(&self.path)?;
        for (file, text) in FILES {
            write(&self.path.join(file), &filled(text, name, runtime.as_deref()))?;
        }
        if session.out.is_json() {
            let files = FILES.iter().map(|(file, _)| *file).collect();
            session.out.json(Document { name: name.to_owned(), path: self.path.display().to_string(), files })?;
            return Ok(Exit::Done);
        }
        session.out.line(format!("made {}; now type", self.path.display()))?;
        session.out.line(format!("  cd {}", paste::quoted(&self.path.to_string_lossy())))?;
        NEXT.iter().try_for_each(|(command, what)| session.out.line(format!("  {command:<36}# {what}")))?;
        Ok(Exit::Done)
    }
}

/// The name of the application in this folder, which Cargo must take as that of a package.
fn name_of(path: &Path) -> Result<&str, Failure> {
    let refused = |reason| Failure::Name { path: path.to_owned(), reason };
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| refused("it has no name"))?;
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Err(refused("a name begins with a letter from a to z"));
    }
    if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c)) {
        return Err(refused("a name has letters from a to z, digits, `-` and `_`"));
    }
    match name {
        "test" | "core" | "std" | "alloc" | "flow-runtime" | "tokio" => Err(refused("something else has this name")),
        _ => Ok(name),
    }
}

/// The folder of `flow-runtime` that is there, or in a checkout that is there.
fn runtime_in(folder: &Path) -> Result<String, Failure> {
    let is_it = |folder: &PathBuf| {
        let manifest = fs::read_to_string(folder.join("Cargo.toml"));
        manifest.is_ok_and(|text| text.lines().any(|line| line.trim() == r#"name = "flow-runtime""#))
    };
    let found = [folder.to_owned(), folder.join("flow-runtime")].into_iter().find(is_it);
    let found = found.and_then(|folder| fs::canonicalize(folder).ok()?.to_str().map(str::to_owned));
    found.ok_or_else(|| Failure::NoRuntime { path: folder.to_owned() })
}

/// Makes the folder, which may be there if nothing is in it.
fn make_folder(path: &Path) -> Result<(), Failure> {
    let made = |source| Failure::Make { path: path.to_owned(), source };
    if fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::NotEmpty { path: path.to_owned() });
    }
    fs::create_dir_all(path.join("src")).map_err(made)
}

/// Writes a file that is not there yet.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source: io::Error| Failure::Make { path: path.to_owned(), source })
}

/// A file of the template with what belongs into its places.
fn filled(text: &str, name: &str, runtime: Option<&str>) -> String {
    let place = match runtime {
        // A string of JSON is one of TOML.
        Some(folder) => format!("path = {}", serde_json::Value::from(folder)),
        None => format!("version = \"{}\"", env!("CARGO_PKG_VERSION")),
    };
    text.replace("\"NAME\"", &format!("\"{name}\""))
        .replace("= RUNTIME", &format!("= {{ {place} }}"))
        .replace("= TESTED", &format!("= {{ {place}, features = [\"testing\"] }}"))
}
