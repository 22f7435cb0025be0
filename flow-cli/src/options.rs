//! What is typed: the options of all commands, and the command.

use clap::builder::{OsStringValueParser, TypedValueParser, ValueParser};
use clap::{Args, Parser, ValueEnum};

use crate::commands::Command;
use crate::exit;
use crate::output::time;
use crate::store::Address;

/// Looks into the stores of Flow and steers the runs in them.
///
/// A store holds the plans of its runs, so `flow` reads any store without the code of the workflows, also while the
/// application runs.
#[derive(Debug, Parser)]
#[command(name = "flow", version, after_help = exit::TABLE, infer_long_args = false, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Options of all commands")]
pub(crate) struct Options {
    /// The store: `sqlite:flow.db`, `json:./dir` or `fb:./dir`
    #[arg(long, global = true, env = "FLOW_STORE", value_name = "KIND:PATH", hide_env_values = true)]
    #[arg(value_parser = address())]
    pub(crate) store: Option<Address>,
    /// Print JSON, one document in a line, as `docs/cli.md` tells
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Whether to use colours; `auto` is: on a terminal, unless `NO_COLOR` is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_default_value = true)]
    pub(crate) color: Color,
    /// The time from which ages are counted, for tests
    #[arg(long, global = true, hide = true, value_parser = time::parse_timestamp)]
    pub(crate) now: Option<flow_runtime::state::Timestamp>,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

/// Reads the address of a store.
pub(crate) fn address() -> ValueParser {
    ValueParser::new(OsStringValueParser::new().try_map(|text| Address::parse(&text)))
}
