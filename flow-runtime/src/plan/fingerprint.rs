//! The identity of a workflow's shape.

use std::borrow::Cow;
use std::fmt;

use super::{Awaited, Region, Step, StepKind};

/// The identity of a workflow's shape. It changes when one of these changes, and only then:
///
/// * the workflow's name or version;
/// * a step: its id, its node or the workflow that it calls, with all of that one's steps, whether its failures are caught, and its place among the others, since records number
///   steps in the order in which they are written;
/// * an edge: what a step uses or comes after, and what the value of the workflow, of an arm or of an item is made of;
/// * an arm: its label.
///
/// It does not depend on the compiler, the platform, policies, docs, types or source lines. Since
/// [`plan`](crate::workflow!) is `const`, a program can hold a shape to what it was:
///
/// ```
/// # use flow_runtime::prelude::*;
/// # #[node]
/// # async fn double(x: u64) -> u64 { x * 2 }
/// workflow! {
///     fn quadruple(x: u64) -> u64 {
///         let twice = double(x);
///         #[id = "again"]
///         double(twice)
///     }
/// }
/// const _: () = assert!(
///     quadruple::plan().fingerprint.0 == 0xed21_888c_48de_5b0b_7855_82db_6745_bf41,
///     "runs that are under way will be refused: restore the shape, or give the workflow a new #[version]",
/// );
/// ```
///
/// It is the 128-bit FNV-1a hash (<http://www.isthe.com/chongo/tech/comp/fnv/>) of the shape's parts, each text
/// preceded by its length; it can be computed in constants and guards against mistakes, not against an adversary.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub u128);

const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
const PRIME_POWER_4: u128 = PRIME.wrapping_mul(PRIME).wrapping_mul(PRIME).wrapping_mul(PRIME);

impl Fingerprint {
    /// The fingerprint of a shape.
    pub const fn of(workflow: &str, version: u32, mut steps: &[Step], mut regions: &[Region]) -> Self {
        // The compiler runs this for each workflow that it checks, and slices without an index are what it is fast at.
        let mut hash = number(text(OFFSET, workflow), version);
        while let [first, rest @ ..] = steps {
            hash = step(hash, first);
            steps = rest;
        }
        while let [first, rest @ ..] = regions {
            hash = region(hash, first);
            regions = rest;
        }
        Self(hash)
    }
}

const fn step(hash: u128, step: &Step) -> u128 {
    let mut hash = number(text(hash, borrowed(&step.id)), step.region);
    hash = match &step.kind {
        StepKind::Call { node, awaits, .. } => text(number(hash, call_number(*awaits)), borrowed(node)),
        StepKind::Branch { arms } => numbers(number(hash, 2), list(arms)),
        StepKind::Each { body } => number(number(hash, 3), *body),
        StepKind::Sub { workflow, body, .. } => number(text(number(hash, 6), borrowed(workflow)), *body),
    };
    hash = numbers(numbers(hash, list(&step.inputs)), list(&step.after));
    number(hash, step.catch as u32)
}

const fn call_number(awaits: Option<Awaited>) -> u32 {
    match awaits {
        None => 1,
        Some(Awaited::Timer) => 4,
        Some(Awaited::Signal) => 5,
    }
}

const fn region(hash: u128, region: &Region) -> u128 {
    let parent = match region.parent {
        Some(parent) => parent + 1,
        None => 0,
    };
    let hash = text(number(hash, parent), borrowed(&region.label));
    numbers(number(number(hash, region.first), region.len), list(&region.tail))
}

#[expect(clippy::ptr_arg, reason = "dereferencing a Cow is not const")]
const fn borrowed<'a>(text: &'a Cow<'static, str>) -> &'a str {
    match text {
        Cow::Borrowed(text) => text,
        Cow::Owned(text) => text.as_str(),
    }
}

#[expect(clippy::ptr_arg, reason = "dereferencing a Cow is not const")]
const fn list<'a>(list: &'a Cow<'static, [u32]>) -> &'a [u32] {
    match list {
        Cow::Borrowed(list) => list,
        Cow::Owned(list) => list.as_slice(),
    }
}

const fn text(hash: u128, text: &str) -> u128 {
    let mut hash = number(hash, text.len() as u32);
    let mut bytes = text.as_bytes();
    while let [byte, rest @ ..] = bytes {
        hash = (hash ^ *byte as u128).wrapping_mul(PRIME);
        bytes = rest;
    }
    hash
}

const fn numbers(hash: u128, mut numbers: &[u32]) -> u128 {
    let mut hash = number(hash, numbers.len() as u32);
    while let [first, rest @ ..] = numbers {
        hash = number(hash, *first);
        numbers = rest;
    }
    hash
}

/// The four bytes of the number, the lowest first.
const fn number(hash: u128, number: u32) -> u128 {
    if number < 256 {
        // Three of them are zero, and nothing but a factor.
        return (hash ^ number as u128).wrapping_mul(PRIME_POWER_4);
    }
    let [a, b, c, d] = number.to_le_bytes();
    let hash = (hash ^ a as u128).wrapping_mul(PRIME);
    let hash = (hash ^ b as u128).wrapping_mul(PRIME);
    let hash = (hash ^ c as u128).wrapping_mul(PRIME);
    (hash ^ d as u128).wrapping_mul(PRIME)
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}
