//! Where everything is printed, and the one place where it is made fit for a terminal.
//!
//! In: texts, tables and JSON with whatever stands in a store. Out: data on standard output, remarks and errors on
//! standard error. Texts come without styles and leave escaped; styles are added here and nowhere else.

mod escape;
mod json;
mod table;
pub(crate) mod time;

use std::error::Error;
use std::io::{self, IsTerminal, Stderr, Stdout, Write};

use flow_runtime::errors::Code;
use indicatif::ProgressBar;
use serde::Serialize;

pub(crate) use escape::{escaped, is_plain};
pub(crate) use json::{indented, line as json_line};
pub(crate) use table::{Cell, Table, Tone};

use crate::failure::Failure;
use crate::options::Color;

/// The version of the JSON that is printed. It grows when a member changes its meaning or goes; new members may come
/// without that.
const SCHEMA: u32 = 1;

/// Where a command prints.
#[derive(Debug)]
pub(crate) struct Out {
    command: String,
    is_json: bool,
    colour: bool,
    remark_colour: bool,
    data: Stdout,
    remarks: Stderr,
}

/// A document of `--json`.
#[derive(Serialize)]
struct Document<'a, T> {
    schema: u32,
    command: &'a str,
    #[serde(flatten)]
    body: T,
}

/// What is printed of an error with `--json`.
#[derive(Serialize)]
struct Failed {
    error: Told,
}

/// An error as it is told: its text, those of its causes, and what to do.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    exit: u8,
    message: String,
    causes: Vec<String>,
    help: Option<String>,
    code: Option<&'static str>,
}

/// A run of which something could not be done, in JSON.
#[derive(Debug, Serialize)]
pub(crate) struct FailedRun {
    pub(crate) id: String,
    pub(crate) error: Told,
}

impl Out {
    /// The output of this command.
    pub(crate) fn new(command: &str, is_json: bool, when: Color) -> Self {
        let (data, remarks) = streams();
        let colour = has_colour(when, data.is_terminal());
        let remark_colour = has_colour(when, remarks.is_terminal());
        Self { command: command.to_owned(), is_json, colour, remark_colour, data, remarks }
    }

    /// Whether JSON is asked for.
    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }

    /// Whether something may be drawn that moves: on a terminal, if people read it.
    pub(crate) fn draws(&self) -> bool {
        !self.is_json && self.data.is_terminal() && self.remarks.is_terminal() && !is_dumb()
    }

    /// Prints a line of data.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> Result<(), Failure> {
        Ok(writeln!(self.data, "{}", escaped(text.as_ref()))?)
    }

    /// Prints bytes as they are. Who asked for them knows where they go.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.data.write_all(bytes).and_then(|()| self.data.flush())?)
    }

    /// Prints a table, if it has rows.
    pub(crate) fn table(&mut self, table: &Table) -> Result<(), Failure> {
        if table.is_empty() {
            return Ok(());
        }
        Ok(self.data.write_all(table.rendered(self.colour).as_bytes())?)
    }

    /// Prints a document of `--json`.
    pub(crate) fn json(&mut self, body: impl Serialize) -> Result<(), Failure> {
        let document = Document { schema: SCHEMA, command: &self.command, body };
        let mut line = json::line(&document).map_err(io::Error::from)?;
        line.push(b'\n');
        Ok(self.data.write_all(&line)?)
    }

    /// Where data goes that is safe to look at as it is.
    pub(crate) fn data() -> Stdout {
        streams().0
    }

    /// Tells something beside the data.
    pub(crate) fn remark(&self, text: impl AsRef<str>) {
        // Without a place for remarks there are none.
        let _ = writeln!(&self.remarks, "{}", escaped(text.as_ref()));
    }

    /// Tells why something could not be done, while the command goes on: each cause once, then what to do.
    pub(crate) fn tell(&self, failure: &Failure) -> Told {
        let told = Told::of(failure);
        self.told("error", Tone::Bad, &told.message);
        told.causes.iter().for_each(|cause| self.told("caused by", Tone::Plain, cause));
        told.help.iter().for_each(|help| self.told("help", Tone::Good, help));
        told.code.iter().for_each(|code| self.told("more", Tone::Plain, &format!("flow explain {code}")));
        told
    }

    /// Whether there is someone who can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        !self.is_json && io::stdin().is_terminal() && self.remarks.is_terminal()
    }

    /// Asks whether to do this.
    pub(crate) fn ask(&self, act: &str) -> Result<bool, Failure> {
        write!(&self.remarks, "{}? [y/N] ", escaped(act))?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// A bar that shows how much of something is done, on a terminal.
    pub(crate) fn bar(&self, len: usize) -> ProgressBar {
        if self.is_json || !self.remarks.is_terminal() {
            return ProgressBar::hidden();
        }
        ProgressBar::new(len as u64)
    }

    /// Tells why the command could not do what was asked.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        let told = self.tell(failure);
        if self.is_json {
            // Whoever reads it may be gone; the exit code says the rest.
            let _ = self.json(Failed { error: told });
        }
    }

    fn told(&self, what: &str, tone: Tone, text: &str) {
        let what = tone.painted(what, self.remark_colour);
        let _ = writeln!(&self.remarks, "{what}: {}", escaped(text));
    }
}

impl Told {
    fn of(failure: &Failure) -> Self {
        let code = failure.code();
        let causes = std::iter::successors(failure.source(), |cause| (*cause).source());
        Self {
            exit: failure.exit() as u8,
            message: failure.to_string(),
            causes: causes.map(ToString::to_string).collect(),
            help: failure.help().or_else(|| code.map(|code| code.help().to_owned())),
            code: code.map(Code::as_str),
        }
    }
}

fn has_colour(when: Color, is_terminal: bool) -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => is_terminal && !is_set("NO_COLOR") && !is_dumb(),
    }
}

/// Whether the terminal says of itself that it knows neither colours nor movements.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

#[expect(clippy::disallowed_methods, reason = "this is the place through which all goes")]
fn streams() -> (Stdout, Stderr) {
    (io::stdout(), io::stderr())
}
