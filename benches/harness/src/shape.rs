//! The shapes: how many steps there are, what a step does, and what a run must give.

use std::hint::black_box;
use std::time::Duration;

/// A graph that engines are to run.
#[derive(Clone, Debug)]
pub struct Shape {
    /// What it is called in tables.
    pub name: &'static str,
    /// How many steps a run has.
    pub steps: u64,
    /// How many bytes the output of a step has.
    pub payload_bytes: u64,
    /// What a run gives that is made of numbers.
    pub gives: u64,
    /// How many runs there are at the same time.
    pub at_once: u64,
}

const fn shape(name: &'static str, steps: u64, gives: u64) -> Shape {
    Shape { name, steps, payload_bytes: 8, gives, at_once: 1 }
}

/// Chains of ten steps that hand on a text.
const fn texts(name: &'static str, payload_bytes: u64, at_once: u64) -> Shape {
    Shape { name, steps: TEXT_STEPS * at_once, payload_bytes, gives: 0, at_once }
}

/// 100 steps, each of which takes what the one before gave.
pub const CHAIN: Shape = shape("chain-100", 100, 100);
/// One step, 100 that take what it gave, and one that takes what those gave.
pub const FAN: Shape = shape("fan-1-100-1", 102, 200);
/// Ten layers of ten steps. Each takes eight outputs of the layer before: its own place there and the seven after it.
pub const LAYERS: Shape = shape("layers-10x10", 100, layered());
/// One step, four that take what it gave, and one that takes what those gave.
pub const DIAMOND: Shape = shape("diamond-6", 6, 8);
/// Two chains of 50 beside each other. Every second step is slow: in one the even ones, in the other the odd ones.
pub const STRAGGLER: Shape = shape("straggler-2x50", 100, 100);
/// As many steps as there are items, and one that adds their outputs up.
pub const ITEMS_10_000: Shape = shape("fan-out-10000", 10_001, 10_000 * 10_001 / 2);
/// The same with more items.
pub const ITEMS_100_000: Shape = shape("fan-out-100000", 100_001, 100_000 * 100_001 / 2);

/// Ten stored steps, each of which gives the text of 8 bytes that it took.
pub const CHAIN_8B: Shape = texts("chain-10-8B", 8, 1);
/// The same with 1 KiB.
pub const CHAIN_1KIB: Shape = texts("chain-10-1KiB", 1 << 10, 1);
/// The same with 1 MiB.
pub const CHAIN_1MIB: Shape = texts("chain-10-1MiB", 1 << 20, 1);
/// 128 such runs at the same time, of 8 bytes.
pub const RUNS_128: Shape = texts("runs-128x10", 8, 128);
/// A run of 100 steps that was stopped before its last: from the opening of its store until that step begins. Divided
/// by nothing.
pub const RESUME: Shape = shape("resume-100", 1, 0);
/// Opening a store that holds many ended runs, until what is under way has been looked for. Divided by nothing.
pub const COLD_START: Shape = shape("cold-start", 1, 0);
/// A run that waits for a word: from its sending until the next step begins. Divided by nothing.
pub const WAKE: Shape = shape("suspend-wake", 1, 0);

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

/// What a quick step does.
#[inline]
pub fn next(x: u64) -> u64 {
    black_box(x) + 1
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
