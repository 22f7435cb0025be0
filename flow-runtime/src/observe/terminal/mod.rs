//! Progress on a terminal: a bar for each run, and what its steps do at this moment.
//!
//! In: what observers are told. Out: lines that are drawn over, ten times a second, and lines above them that stay. An
//! event costs a few counters; what is drawn is made of them by the thread that draws.

mod board;
mod ended;
mod screen;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use tokio::time::Instant;

use self::board::Board;
use self::screen::{Look, Size};
use super::{LineProgress, Notice, Observer, Reading};

/// How often the screen is drawn anew.
const REDRAW: Duration = Duration::from_millis(100);

/// From when on a step is marked as slow where nothing else is said.
const SLOW_AFTER: Duration = Duration::from_secs(60);

/// Shows on standard error what the runs of an engine do: a bar with the steps that have ended of those known, the steps
/// that run, longest first, retries with the time until the next attempt, and what is waited for. Steps that run longer
/// than a minute are marked. Of a run that goes on it says how many steps were saved.
///
/// When a run ends, a line stays on the screen; when it fails, its causes and the next command to type come last, when
/// nothing else is under way. At most 8 running steps and 8 runs are shown, and it is drawn at most ten times a second,
/// however much happens. Names and messages that a terminal would obey are written out. `NO_COLOR` is respected.
///
/// If standard error is no terminal, if `TERM` is `dumb` or not set, or if `CI` is set, it writes lines, as
/// [`LineProgress`] does.
///
/// Clones are the same progress. What a program writes to the terminal itself while runs are under way it writes within
/// [`suspend`](Self::suspend), or it runs into what is drawn.
///
/// ```
/// use flow_runtime::observe::TerminalProgress;
/// use flow_runtime::prelude::*;
///
/// #[node]
/// async fn double(x: u64) -> u64 { x * 2 }
/// workflow! { fn twice(x: u64) -> u64 { double(x) } }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// let engine = Engine::builder(InMemoryStore::default()).observe(TerminalProgress::new()).build();
/// assert_eq!(twice(3).run(&engine, "r-1").await?, 6);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TerminalProgress {
    mode: Arc<Mode>,
    look: Look,
}

enum Mode {
    Lines(LineProgress),
    Screen(Screen),
}

impl TerminalProgress {
    /// Progress on standard error.
    #[expect(clippy::new_without_default, reason = "it looks at the terminal and at the environment")]
    pub fn new() -> Self {
        if !is_attended() {
            return Self::with(Mode::Lines(LineProgress::stderr()));
        }
        let size = || {
            let (rows, columns) = Term::stderr().size();
            Size { rows, columns }
        };
        let target = || ProgressDrawTarget::term(Term::buffered_stderr(), 10);
        Self::with(Mode::Screen(Screen::new(size, target, Some(REDRAW))))
    }

    fn with(mode: Mode) -> Self {
        Self { mode: Arc::new(mode), look: Look { slow_after: SLOW_AFTER } }
    }

    /// From when on a running step is marked as slow; a minute by default. Said before the engine is built.
    ///
    /// ```
    /// use std::time::Duration;
    /// use flow_runtime::observe::TerminalProgress;
    /// let progress = TerminalProgress::new().slow_after(Duration::from_secs(5));
    /// # let _ = progress;
    /// ```
    #[must_use]
    pub fn slow_after(mut self, limit: Duration) -> Self {
        self.look.slow_after = limit;
        self
    }

    /// Takes away what is drawn, does this, and draws it again below what was written meanwhile.
    ///
    /// ```
    /// use flow_runtime::observe::TerminalProgress;
    /// let progress = TerminalProgress::new();
    /// progress.suspend(|| eprintln!("the disk is nearly full"));
    /// ```
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        let bar = match &*self.mode {
            Mode::Lines(_) => None,
            Mode::Screen(screen) => lock(&screen.bar).clone(),
        };
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

/// Whether somebody looks at standard error, as far as one can know.
fn is_attended() -> bool {
    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false" && value != "0");
    Term::stderr().is_term() && !console::is_dumb() && !in_ci
}

impl Observer for TerminalProgress {
    fn observe(&self, notice: &Notice<'_>) {
        match &*self.mode {
            Mode::Lines(lines) => lines.observe(notice),
            Mode::Screen(screen) => screen.change(self.look, |board, now| board.take(notice, now)),
        }
    }

    fn measure(&self, reading: &Reading<'_>) {
        if let Mode::Screen(screen) = &*self.mode {
            screen.change(self.look, |board, _| board.measure(reading));
        }
    }
}

/// A terminal that is drawn on while something is under way.
struct Screen {
    board: Arc<Mutex<Board>>,
    /// What is drawn over; none while nothing is under way. It is locked before the board is, and held until what follows
    /// from a change is done, so that the bar is always there when it should be.
    bar: Mutex<Option<ProgressBar>>,
    size: Arc<dyn Fn() -> Size + Send + Sync>,
    target: Box<dyn Fn() -> ProgressDrawTarget + Send + Sync>,
    /// How often it is drawn; only when asked to, if this is none.
    redraw: Option<Duration>,
    /// When lines were last put above what is drawn over.
    said_at: Mutex<Option<Instant>>,
}

impl Screen {
    fn new(
        size: impl Fn() -> Size + Send + Sync + 'static,
        target: impl Fn() -> ProgressDrawTarget + Send + Sync + 'static,
        redraw: Option<Duration>,
    ) -> Self {
        Self {
            board: Arc::default(),
            bar: Mutex::default(),
            size: Arc::new(size),
            target: Box::new(target),
            redraw,
            said_at: Mutex::default(),
        }
    }

    /// Changes what is known, and sees to it that the screen follows.
    fn change(&self, look: Look, change: impl FnOnce(&mut Board, Instant)) {
        let mut bar = lock(&self.bar);
        let now = Instant::now();
        let (shows_any, said) = {
            let mut board = lock(&self.board);
            change(&mut board, now);
            let shows_any = board.shows_any();
            (shows_any, self.to_say(&mut board, shows_any, now))
        };
        if bar.is_none() && (shows_any || !said.is_empty()) {
            *bar = Some(self.new_bar(look));
        }
        if let (Some(bar), false) = (&*bar, said.is_empty()) {
            bar.println(said.join("\n"));
        }
        if !shows_any && let Some(bar) = bar.take() {
            bar.finish_and_clear();
        }
    }

    /// The lines that are put above what is drawn: not more often than that is drawn, for runs that are many and short. In
    /// between they stand in what is drawn.
    fn to_say(&self, board: &mut Board, shows_any: bool, now: Instant) -> Vec<String> {
        let mut said_at = lock(&self.said_at);
        let is_due = said_at.is_none_or(|said_at| now.saturating_duration_since(said_at) >= REDRAW);
        if shows_any && (!is_due || board.said().is_empty()) {
            return Vec::new();
        }
        *said_at = Some(now);
        board.take_said()
    }

    fn new_bar(&self, look: Look) -> ProgressBar {
        let (board, size) = (self.board.clone(), self.size.clone());
        let draw = move |_: &ProgressState, out: &mut dyn Write| {
            let lines = screen::lines(&lock(&board), look, size(), Instant::now());
            // What cannot be written is left out: progress is no reason to stop.
            let _ = out.write_str(&lines.join("\n"));
        };
        let style = ProgressStyle::default_spinner().with_key("board", draw);
        // The template is ours and is known to be one; were it not, the style's own would be used.
        let style = style.clone().template("{board}").unwrap_or(style);
        let bar = ProgressBar::with_draw_target(None, (self.target)()).with_style(style);
        if let Some(redraw) = self.redraw {
            bar.enable_steady_tick(redraw);
        }
        bar
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.change(Look { slow_after: SLOW_AFTER }, |board, _| board.close());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for TerminalProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TerminalProgress").field("slow_after", &self.look.slow_after).finish_non_exhaustive()
    }
}
