//! What a command works with: the store that was named, the time, and where it prints.

use clap::ArgMatches;
use clap::parser::ValueSource;
use flow_runtime::Engine;
use flow_runtime::engine::Clock;
use flow_runtime::state::Timestamp;

use crate::failure::Failure;
use crate::options::Options;
use crate::output::{Out, time};
use crate::paste;
use crate::store::{Address, AnyStore, Kind};

/// What a command works with.
pub(crate) struct Session {
    /// Where it prints.
    pub(crate) out: Out,
    /// The time at which the command began, in nanoseconds since 1970.
    pub(crate) now: Timestamp,
    /// Whether a test has set the time.
    is_set: bool,
    store: Option<Address>,
    /// Whether the store was typed, and does not come from the environment.
    is_typed: bool,
}

impl Session {
    /// The session of what was typed.
    pub(crate) fn new(matches: &ArgMatches, options: Options) -> Self {
        let command = matches.subcommand_name().unwrap_or_default();
        let is_typed = matches.value_source("store") == Some(ValueSource::CommandLine);
        let out = Out::new(command, options.json, options.color);
        let (now, is_set) = (options.now.unwrap_or_else(time::now), options.now.is_some());
        Self { out, now, is_set, store: options.store, is_typed }
    }

    /// The time by now, for commands that go on for long.
    pub(crate) fn time(&self) -> Timestamp {
        if self.is_set { self.now } else { time::now() }
    }

    /// The store, for reading: beside an engine that writes to it, and changing nothing.
    pub(crate) fn reader(&self) -> Result<AnyStore, Failure> {
        self.address()?.open_read_only()
    }

    /// The store as it stands now, for reading many of its runs. What is written later may be seen or not.
    pub(crate) fn snapshot(&self) -> Result<AnyStore, Failure> {
        self.address()?.open_snapshot()
    }

    /// The store, for leaving requests in it, beside an engine that writes to it.
    pub(crate) fn asker(&self) -> Result<AnyStore, Failure> {
        self.address()?.open_for_requests()
    }

    /// The store, for changing it. Folders are then held by this process, so no engine may have them open.
    pub(crate) fn writer(&self) -> Result<AnyStore, Failure> {
        self.address()?.open()
    }

    /// The store, for changing it, made if it is not there.
    pub(crate) fn maker(&self) -> Result<AnyStore, Failure> {
        self.address()?.make()
    }

    /// An engine over a store, which drives nothing: it knows no workflow.
    pub(crate) fn engine(&self, store: &AnyStore) -> Engine {
        Engine::builder(store.clone()).clock(Begun(self.now)).build()
    }

    /// Whether the store is a folder, which one process has open for writing.
    pub(crate) fn is_folder(&self) -> bool {
        self.store.as_ref().is_some_and(|store| store.kind != Kind::Sqlite)
    }

    /// A command that can be pasted into a shell, for the store of this session. `words` are the command and its options,
    /// `places` what follows them: ids, names, values.
    pub(crate) fn command(&self, words: &[&str], places: &[&str]) -> String {
        let store = self.store.as_ref().filter(|_| self.is_typed).map(ToString::to_string);
        let options = store.iter().flat_map(|store| ["--store", store.as_str()]);
        paste::command(options.chain(words.iter().copied()), places)
    }

    fn address(&self) -> Result<&Address, Failure> {
        self.store.as_ref().ok_or(Failure::NoStore)
    }
}

/// The time at which the command began.
struct Begun(Timestamp);

impl Clock for Begun {
    fn now(&self) -> Timestamp {
        self.0
    }
}
