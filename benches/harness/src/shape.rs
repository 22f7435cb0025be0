//! The shapes: how many steps there are, what a step does, and what a run must give.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// A graph that engines are to run.
#[derive(Clone, Debug)]
pub struct Shape {
    /// What it is called in tables.
    pub name: &'static str,
    /// What a run is, in words.
    pub what: &'static str,
    /// How many steps a run has.
    pub steps: u64,
    /// How many bytes the output of a step has.
    pub payload_bytes: u64,
    /// What a run gives that is made of numbers.
    pub gives: u64,
    /// How many runs there are at the same time.
    pub at_once: u64,
}

const fn shape(name: &'static str, what: &'static str, steps: u64, gives: u64) -> Shape {
    Shape { name, what, steps, payload_bytes: 8, gives, at_once: 1 }
}

/// Chains of ten steps that hand on a text.
const fn texts(name: &'static str, what: &'static str, payload_bytes: u64, at_once: u64) -> Shape {
    Shape { name, what, steps: TEXT_STEPS * at_once, payload_bytes, gives: 0, at_once }
}

/// A chain.
pub const CHAIN: Shape = shape("chain-100", "100 steps, each of which takes what the one before gave", 100, 100);
/// A fan.
pub const FAN: Shape =
    shape("fan-1-100-1", "one step, 100 that take what it gave, and one that takes what those gave", 102, 200);
/// A fan whose steps are worth another core.
pub const FAN_20US: Shape = shape(
    "fan-20us",
    "a fan whose 100 steps beside each other compute for 20 µs, which is worth another core",
    102,
    200,
);
/// Ten layers of ten steps. Each takes eight outputs of the layer before: its own place there and the seven after it.
pub const LAYERS: Shape = shape(
    "layers-10x10",
    "ten layers of ten steps, each of which takes eight outputs of the layer before",
    100,
    layered(),
);
/// A small fan.
pub const DIAMOND: Shape =
    shape("diamond-6", "one step, four that take what it gave, and one that takes what those gave", 6, 8);
/// In one chain the even steps are slow, in the other the odd ones.
pub const STRAGGLER: Shape = shape(
    "straggler-2x50",
    "two chains of 50 beside each other; every second step takes a millisecond, in one the even, in the other the odd ones",
    100,
    100,
);
/// A fan-out.
pub const ITEMS_10_000: Shape =
    items("fan-out-10000", "one step for each of 10 000 items, and one that adds up", 10_000);
/// A large fan-out.
pub const ITEMS_100_000: Shape =
    items("fan-out-100000", "one step for each of 100 000 items, and one that adds up", 100_000);
/// Short outputs.
pub const CHAIN_8B: Shape = texts("chain-10-8B", "ten stored steps, each of which gives a text of 8 bytes", 8, 1);
/// Longer outputs.
pub const CHAIN_1KIB: Shape =
    texts("chain-10-1KiB", "ten stored steps, each of which gives a text of 1 KiB", 1 << 10, 1);
/// Long outputs.
pub const CHAIN_1MIB: Shape =
    texts("chain-10-1MiB", "ten stored steps, each of which gives a text of 1 MiB", 1 << 20, 1);
/// Many runs.
pub const RUNS_128: Shape =
    texts("runs-128x10", "128 runs of ten stored steps at the same time, of 8 bytes each", 8, 128);
/// A run that goes on. Its time is divided by nothing.
pub const RESUME: Shape = shape(
    "resume-100",
    "a run of 100 steps that was stopped before its last: from the opening of its store until that step begins",
    1,
    0,
);
/// A store that is opened. Its time is divided by nothing.
pub const COLD_START: Shape = shape(
    "cold-start",
    "a store that holds so many ended runs: from its opening until what is under way has been looked for",
    1,
    0,
);
/// A run that waits. Its time is divided by nothing.
pub const WAKE: Shape =
    shape("suspend-wake", "a run that waits for a word: from the sending of it until the next step begins", 1, 0);

const ALL: [&Shape; 15] = [
    &CHAIN,
    &FAN,
    &FAN_20US,
    &LAYERS,
    &DIAMOND,
    &STRAGGLER,
    &ITEMS_10_000,
    &ITEMS_100_000,
    &CHAIN_8B,
    &CHAIN_1KIB,
    &CHAIN_1MIB,
    &RUNS_128,
    &RESUME,
    &COLD_START,
    &WAKE,
];

/// What a run of the shape with this name is, in words. A size may stand behind a name.
pub fn what(name: &str) -> &'static str {
    let sized = |shape: &Shape| name.strip_prefix(shape.name).is_some_and(|rest| rest.starts_with('-'));
    ALL.into_iter().find(|shape| shape.name == name || sized(shape)).map_or("", |shape| shape.what)
}

const fn items(name: &'static str, what: &'static str, count: u64) -> Shape {
    shape(name, what, count + 1, count * (count + 1) / 2)
}

/// How many steps a chain of texts has.
pub const TEXT_STEPS: u64 = 10;
/// How many steps a run that is resumed has.
pub const RESUMED_STEPS: u64 = 100;

/// How many steps a layer of [`LAYERS`] has, and how many layers there are.
pub const WIDTH: usize = 10;
/// How many outputs a step of [`LAYERS`] takes.
pub const INPUTS: usize = 8;
/// How many items may be under way at once, for engines and for the limit alike: Flow's default.
pub const AT_ONCE: usize = 64;
/// How long a slow step sleeps.
pub const SLOW: Duration = Duration::from_millis(1);
/// How long a busy step computes.
pub const BUSY: Duration = Duration::from_micros(20);

/// What a quick step does.
#[inline]
pub fn next(x: u64) -> u64 {
    black_box(x) + 1
}

/// What a step does that computes for [`BUSY`].
pub fn busy(x: u64) -> u64 {
    let start = Instant::now();
    while start.elapsed() < BUSY {
        std::hint::spin_loop();
    }
    next(x)
}

/// What a step does that takes several outputs.
#[inline]
pub fn total(xs: &[u64]) -> u64 {
    black_box(xs).iter().sum()
}

/// What a step of a layer does. Divided, so that numbers stay small.
#[inline]
pub fn mixed(xs: [u64; INPUTS]) -> u64 {
    total(&xs) / INPUTS as u64 + 1
}

/// What a slow step does. The thread that sleeps is not one of the runtime's workers, and wakes more exactly than
/// tokio's timer, which counts in milliseconds.
pub async fn slow(x: u64) -> u64 {
    let slept = tokio::task::spawn_blocking(move || {
        std::thread::sleep(SLOW);
        next(x)
    });
    slept.await.unwrap_or_default()
}

/// A text that no compression makes shorter: letters as if at random, the same each time.
pub fn text(bytes: u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let letter = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(LETTERS[(state >> 58) as usize])
    };
    (0..bytes).map(letter).collect()
}

/// In a layer all have the same value, so a step adds one to it.
const fn layered() -> u64 {
    (WIDTH * WIDTH) as u64
}
