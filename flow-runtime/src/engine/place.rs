//! The parts that generated trees consist of: slots without their types, and regions that open.
//!
//! In: what the engine gives to a tree. Out: the same with its type. A tree that `workflow!` generates is a few
//! tables over these parts, so that its own code stays short.

use std::any::Any;
use std::sync::OnceLock;

use super::tree::{Choice, Slot, TailSlot, Value, decode, downcast};
use crate::state::{DecodeError, NodeFailure, Output, Payload};

/// A slot without the type of its value.
pub trait Place: Any + Send + Sync {
    /// Puts the value there.
    ///
    /// # Panics
    /// If the value has another type or the slot is full, which only a broken engine can cause.
    fn fill(&self, value: Value);

    /// The value that a payload holds.
    ///
    /// # Errors
    /// If the payload is no such value.
    fn decode(&self, payload: &Payload) -> Result<Value, DecodeError>;

    /// Puts the failure there as the value.
    ///
    /// # Panics
    /// If the step is not under `#[catch]`.
    fn caught(&self, failure: NodeFailure) {
        panic!("`{}` is not under `#[catch]`", failure.step);
    }
}

/// A slot for values of this type, whether or not they can be stored.
pub trait Hold<T> {
    /// The slot without the type.
    fn erased(&self) -> &dyn Place
    where
        T: Output;
}

/// A slot for an output of this type, without the type. Of a type that cannot be stored, this alone is a mistake.
pub fn place<T: Output, S: Hold<T>>(slot: &S) -> &dyn Place {
    slot.erased()
}

macro_rules! hold {
    ($($slot:ident)*) => {
        $(
            impl<T> Hold<T> for $slot<T> {
                fn erased(&self) -> &dyn Place
                where
                    T: Output,
                {
                    self
                }
            }
        )*
    };
}

hold!(Slot TailSlot CatchSlot CatchTail);

impl<T: Output> Place for Slot<T> {
    fn fill(&self, value: Value) {
        self.set(downcast(value));
    }

    fn decode(&self, payload: &Payload) -> Result<Value, DecodeError> {
        Ok(Box::new(decode::<T>(payload)?))
    }
}

impl<T: Output> Place for TailSlot<T> {
    fn fill(&self, value: Value) {
        self.set(downcast(value));
    }

    fn decode(&self, payload: &Payload) -> Result<Value, DecodeError> {
        Ok(Box::new(decode::<T>(payload)?))
    }
}

/// The slot of a step under `#[catch]`.
#[derive(Debug)]
pub struct CatchSlot<T>(Slot<Result<T, NodeFailure>>);

impl<T> Default for CatchSlot<T> {
    fn default() -> Self {
        Self(Slot::default())
    }
}

impl<T> CatchSlot<T> {
    /// Puts the value of a step that did not fail there.
    pub fn set(&self, value: T) {
        self.0.set(Ok(value));
    }

    /// The value, or the failure.
    pub fn get(&self) -> &Result<T, NodeFailure> {
        self.0.get()
    }
}

impl<T: Output> Place for CatchSlot<T> {
    fn fill(&self, value: Value) {
        self.set(downcast(value));
    }

    fn decode(&self, payload: &Payload) -> Result<Value, DecodeError> {
        Ok(Box::new(decode::<T>(payload)?))
    }

    fn caught(&self, failure: NodeFailure) {
        self.0.set(Err(failure));
    }
}

/// The slot of a step under `#[catch]` whose value moves on.
#[derive(Debug)]
pub struct CatchTail<T>(TailSlot<Result<T, NodeFailure>>);

impl<T> Default for CatchTail<T> {
    fn default() -> Self {
        Self(TailSlot::default())
    }
}

impl<T> CatchTail<T> {
    /// Puts the value of a step that did not fail there.
    pub fn set(&self, value: T) {
        self.0.set(Ok(value));
    }

    /// Takes the value, or the failure, out.
    ///
    /// # Errors
    /// The failure, as a value.
    pub fn take(&self) -> Result<T, NodeFailure> {
        self.0.take()
    }
}

impl<T: Output> Place for CatchTail<T> {
    fn fill(&self, value: Value) {
        self.set(downcast(value));
    }

    fn decode(&self, payload: &Payload) -> Result<Value, DecodeError> {
        Ok(Box::new(decode::<T>(payload)?))
    }

    fn caught(&self, failure: NodeFailure) {
        self.0.set(Err(failure));
    }
}

/// A slot whose value moves on.
pub trait Moving {
    /// The value.
    type Value;

    /// Takes the value out.
    fn take(&self) -> Self::Value;
}

impl<T> Moving for TailSlot<T> {
    type Value = T;

    fn take(&self) -> T {
        Self::take(self)
    }
}

impl<T> Moving for CatchTail<T> {
    type Value = Result<T, NodeFailure>;

    fn take(&self) -> Self::Value {
        Self::take(self)
    }
}

/// The value of a slot, moved out. Its type is that of the slot and never inferred from where it goes, so that a
/// message about it stands at the step.
pub fn take<S: Moving>(slot: &S) -> S::Value {
    slot.take()
}

/// A value that may be used by name where it must be owned.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is used by name where it must be owned, and cannot be cloned",
    label = "not `Clone`",
    note = "derive `Clone` for `{Self}`, or end in the call itself without giving it a name"
)]
pub trait Own {
    /// The owned value.
    type Owned;

    /// A clone of the value.
    fn own(&self) -> Self::Owned;
}

#[diagnostic::do_not_recommend]
impl<T: Clone> Own for T {
    type Owned = T;

    fn own(&self) -> T {
        self.clone()
    }
}

/// A clone of a value that is used by name where it must be owned.
pub fn own<T: Own>(value: &T) -> T::Owned {
    value.own()
}

/// The failure of a region under `#[catch]`, if it failed.
#[derive(Debug, Default)]
pub struct Failure(OnceLock<NodeFailure>);

impl Failure {
    /// Keeps the failure.
    ///
    /// # Panics
    /// If there is one already, which only a broken engine can cause.
    pub fn set(&self, failure: NodeFailure) {
        assert!(self.0.set(failure).is_ok(), "a failure was caught twice");
    }

    /// The region's value, unless it failed.
    ///
    /// # Errors
    /// The failure, as a value.
    pub fn or<T>(&self, value: impl FnOnce() -> T) -> Result<T, NodeFailure> {
        match self.0.get() {
            Some(failure) => Err(failure.clone()),
            None => Ok(value()),
        }
    }
}

impl Place for Failure {
    fn fill(&self, _: Value) {
        panic!("a branch is filled by its arm");
    }

    fn decode(&self, _: &Payload) -> Result<Value, DecodeError> {
        Err(DecodeError { expected: "nothing", reason: "a branch has no payload".to_owned() })
    }

    fn caught(&self, failure: NodeFailure) {
        self.set(failure);
    }
}

/// The region of an arm, once the arm is taken.
#[derive(Debug)]
pub struct Opened<R>(OnceLock<Box<R>>);

impl<R> Default for Opened<R> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<R: Default> Opened<R> {
    /// Makes the region's slots.
    pub fn open(&self) {
        self.0.get_or_init(Box::default);
    }
}

impl<R> Opened<R> {
    /// Whether this arm is the one taken.
    pub fn is_open(&self) -> bool {
        self.0.get().is_some()
    }

    /// The region.
    ///
    /// # Panics
    /// If the arm was not taken, which only a broken engine can cause.
    pub fn entered(&self) -> &R {
        match self.0.get() {
            Some(region) => region,
            None => panic!("an arm was read that was not taken"),
        }
    }
}

/// The regions of a fan-out, one for each item, once their number is known.
#[derive(Debug)]
pub struct Items<R>(OnceLock<Box<[R]>>);

impl<R> Default for Items<R> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<R: Default> Items<R> {
    /// Makes the slots of this many regions.
    pub fn open(&self, count: u32) {
        self.0.get_or_init(|| (0..count).map(|_| R::default()).collect());
    }
}

impl<R> Items<R> {
    fn all(&self) -> &[R] {
        match self.0.get() {
            Some(regions) => regions,
            None => panic!("a fan-out was read before it was opened"),
        }
    }

    /// The region of this item.
    ///
    /// # Panics
    /// If there is none, which only a broken engine can cause.
    pub fn at(&self, item: u32) -> &R {
        &self.all()[item as usize]
    }

    /// The region in which a step stands that has these items around it, for the fan-out at this depth.
    ///
    /// # Panics
    /// If there is none, which only a broken engine can cause.
    pub fn item(&self, items: &[u32], depth: usize) -> &R {
        self.at(items[depth])
    }

    /// One value for each region, in order. The fan-out itself stands under `depth` others.
    pub fn collect<'t, T>(&'t self, items: &[u32], depth: usize, value: impl Fn(&'t R, &[u32]) -> T) -> Vec<T> {
        let mut path: Vec<u32> = items[..depth].to_vec();
        path.push(0);
        (0..)
            .zip(self.all())
            .map(|(item, region)| {
                path[depth] = item;
                value(region, &path)
            })
            .collect()
    }
}

/// The item of a fan-out's list for which a step runs.
///
/// # Panics
/// If the list is shorter than when the fan-out opened: the workflow's expressions are not deterministic.
pub fn item<'t, T>(list: &'t [T], items: &[u32], depth: usize) -> &'t T {
    &list[items[depth] as usize]
}

/// The number of items of a fan-out's list.
///
/// # Panics
/// If the list has more items than a record can number.
pub fn count<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).expect("a fan-out has at most 2^32 - 1 items")
}

/// Which arm of a branch is open.
///
/// # Panics
/// If none is, which only a broken engine can cause.
pub fn open_arm(arms: &[bool]) -> usize {
    match arms.iter().position(|open| *open) {
        Some(arm) => arm,
        None => panic!("a branch was read before an arm was taken"),
    }
}

/// For a place that no correct engine asks for.
///
/// # Panics
/// Always.
pub fn no_such_place() -> ! {
    panic!("the engine asked for a place that the workflow does not have")
}

/// For an arm whose pattern no longer matches what it matched before.
///
/// # Panics
/// Always.
pub fn no_match() -> ! {
    panic!("the arm that was taken no longer matches: an expression of the workflow is not deterministic")
}

/// The arm that is to be opened.
///
/// # Panics
/// If the choice is none of a branch, which only a broken engine can cause.
pub fn arm(choice: Choice) -> u32 {
    match choice {
        Choice::Arm(arm) => arm,
        Choice::Items(_) => no_such_place(),
    }
}

/// The number of regions that are to be opened.
///
/// # Panics
/// If the choice is none of a fan-out, which only a broken engine can cause.
pub fn len(choice: Choice) -> u32 {
    match choice {
        Choice::Items(count) => count,
        Choice::Arm(_) => no_such_place(),
    }
}
