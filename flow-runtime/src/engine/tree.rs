//! The seam between a workflow's types and the engine, which knows none of them.
//!
//! `workflow!` generates a tree of typed slots for each workflow and implements [`Tree`] for it; a run-time builder
//! implements the same trait. The engine decides what happens when, names places by [`At`], and moves outputs as
//! [`Value`]s; only the tree knows their types.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use spin::Once;
use std::time::Duration;

use super::NodeContext;
use super::attempt::catch;
use super::body::Body;
use super::migration::Migration;
use super::place::Place;
use crate::plan::{Parts, Plan, Region, Step};
use crate::state::{BoxError, DecodeError, EncodeError, Encoding, NodeFailure, Output, Payload, Timestamp};

/// A step of one instance of its region: the step's index in the plan, and the item of each `for` around it, the
/// outermost first.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The index of the step in the plan.
    pub step: u32,
    /// The item of each `for` around the step, the outermost first.
    pub items: &'a [u32],
}

/// What the head of a branch or a fan-out says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// This arm is taken, counted from 0.
    Arm(u32),
    /// There are this many items.
    Items(u32),
}

/// An output whose type only the tree knows.
pub type Value = Box<dyn AnyOutput>;

/// An output without its type.
pub trait AnyOutput: Any + Send + Sync {
    /// The value as a payload.
    ///
    /// # Errors
    /// If serde refuses the value.
    fn encode(&self, encoding: Encoding) -> Result<Payload, EncodeError>;

    /// The value, to be downcast.
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send + Sync>;
}

impl<T: Output> AnyOutput for T {
    fn encode(&self, encoding: Encoding) -> Result<Payload, EncodeError> {
        Output::encode(self, encoding)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send + Sync> {
        self
    }
}

/// Whether the value is of this type.
pub fn is<T: Output>(value: &dyn AnyOutput) -> bool {
    let value: &dyn Any = value;
    value.is::<T>()
}

/// The value as its type, borrowed.
///
/// # Panics
/// If it is another type, which only a broken tree can cause.
pub fn output_of<T: Output>(value: &dyn AnyOutput) -> &T {
    let value: &dyn Any = value;
    match value.downcast_ref() {
        Some(value) => value,
        None => panic!("a value of another type than `{}` is to be undone", std::any::type_name::<T>()),
    }
}

/// The value as its type.
///
/// # Panics
/// If it is another type, which only a broken tree can cause.
pub fn downcast<T: Output>(value: Value) -> T {
    let Ok(value) = value.into_any().downcast() else {
        panic!("a value of another type than `{}` reached its slot", std::any::type_name::<T>());
    };
    *value
}

/// The value of this type that a payload holds. A type that panics while it is decoded cannot be read.
///
/// # Errors
/// If the payload is no such value.
pub fn decode<T: Output>(payload: &Payload) -> Result<T, DecodeError> {
    catch(|| T::decode(payload)).unwrap_or_else(|panic| {
        let reason = format!("decoding panicked: {panic}");
        Err(DecodeError { expected: std::any::type_name::<T>(), reason })
    })
}

/// What a node gave instead of an output.
#[derive(Debug)]
pub enum BodyError {
    /// It failed.
    Failed {
        /// The node's error.
        error: BoxError,
        /// Whether more attempts are pointless.
        permanent: bool,
    },
    /// It has no body: something outside gives the output, and this says what.
    Waits(WaitFor),
    /// It has no body: it is a workflow, which gives the output.
    Calls(Called),
}

/// A workflow that a step calls, with its input and the slots of its steps.
pub struct Called(pub Arc<dyn Tree>);

impl fmt::Debug for Called {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Called").field("workflow", &self.0.plan().workflow).finish_non_exhaustive()
    }
}

/// What a step waits for, as its arguments say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitFor {
    /// That this time passes.
    Delay(Duration),
    /// This point in time.
    Until(Timestamp),
    /// A signal.
    Signal {
        /// Its name.
        name: String,
        /// The type of its value.
        type_name: &'static str,
    },
}

/// The typed values of one run.
///
/// The engine keeps to this order: a step is started, chosen, joined or used by another only when all its `inputs`
/// are filled; a step of a nested region only after `open`. Each slot is filled at most once.
pub trait Tree: Send + Sync + 'static {
    /// The plan that the indices mean.
    fn plan(&self) -> &Plan;

    /// The workflow's input as a payload.
    ///
    /// # Errors
    /// If serde refuses the input.
    fn encode_input(&self, encoding: Encoding) -> Result<Payload, EncodeError>;

    /// One attempt of a call step. Arguments are evaluated when this is called.
    fn start<'a>(&'a self, at: At<'a>, cx: &'a NodeContext) -> Body<'a>;

    /// What the head of a branch or a fan-out says.
    fn choose(&self, at: At<'_>) -> Choice;

    /// Makes the slots of the arm taken or of all items.
    fn open(&self, at: At<'_>, choice: Choice);

    /// Gives a branch or a fan-out its value, once the values its regions end in are there (of the arm taken, or of
    /// all items).
    fn join(&self, at: At<'_>);

    /// The slot of a call step.
    fn place(&self, at: At<'_>) -> &dyn Place;

    /// Whether the node of this step takes a [`NodeContext`].
    fn asks(&self, step: u32) -> bool;

    /// Fills the slot of a call step. Under `#[catch]` the tree wraps the value in `Ok`.
    fn fill(&self, at: At<'_>, value: Value) {
        self.place(at).fill(value);
    }

    /// The value that a stored payload of this call step holds.
    ///
    /// # Errors
    /// If the payload is no such value.
    fn decode(&self, at: At<'_>, payload: &Payload) -> Result<Value, DecodeError> {
        self.place(at).decode(payload)
    }

    /// Gives a step under `#[catch]` its failure as value. With `item`, it is the failure of this one item of a
    /// fan-out under `#[catch]`, whose `join` comes later.
    fn caught(&self, at: At<'_>, item: Option<u32>, failure: NodeFailure);

    /// Moves the workflow's output to where it is wanted; called once, after all steps have ended.
    fn end(&self, into: &dyn Place);

    /// The workflow's output; called once, after all steps have ended.
    fn output(&self) -> Value {
        let output = Loose::default();
        self.end(&output);
        match output.take() {
            Some(output) => output,
            None => panic!("the workflow gave no output"),
        }
    }
}

/// The parameters of a workflow: a tuple of what can be an [`Output`].
#[diagnostic::on_unimplemented(
    message = "the input of a workflow cannot be stored: `{Self}`",
    label = "not `Serialize + DeserializeOwned + Send + Sync + 'static`",
    note = "derive `serde::Serialize` and `serde::Deserialize` for the type of each parameter"
)]
pub trait Input: Send + Sync + Sized + 'static {
    /// The parameters as a payload.
    ///
    /// # Errors
    /// If serde refuses one of them.
    fn encode(&self, encoding: Encoding) -> Result<Payload, EncodeError>;

    /// The parameters that a payload holds.
    ///
    /// # Errors
    /// If the payload is no such value.
    fn decode(payload: &Payload) -> Result<Self, DecodeError>;
}

#[diagnostic::do_not_recommend]
impl<T: Output> Input for T {
    fn encode(&self, encoding: Encoding) -> Result<Payload, EncodeError> {
        Output::encode(self, encoding)
    }

    fn decode(payload: &Payload) -> Result<Self, DecodeError> {
        decode(payload)
    }
}

/// A workflow declared by `workflow!`: implemented by the type of the workflow's own name.
#[diagnostic::on_unimplemented(message = "`{Self}` is not a workflow", note = "declare it in `workflow!`")]
pub trait Workflow: Sized + 'static {
    /// The parameters, as a tuple.
    type Input: Input;
    /// What the workflow returns.
    type Output: Output;
    /// How stored outputs of older versions become those of this one.
    #[doc(hidden)]
    const MIGRATIONS: &'static [Migration] = &[];
    /// What the plan is made of.
    #[doc(hidden)]
    const PARTS: Parts;
    /// The lists of the workflows that it calls, moved.
    #[doc(hidden)]
    const LISTS: &'static [u32];
    /// All steps, if it calls other workflows.
    #[doc(hidden)]
    const STEPS: &'static [Step];
    /// All regions, if it calls other workflows.
    #[doc(hidden)]
    const REGIONS: &'static [Region];
    /// The static DAG.
    #[doc(hidden)]
    const PLAN: &'static Plan;

    /// The static DAG.
    fn plan() -> &'static Plan;

    /// The empty slots of a new run.
    fn tree(input: Self::Input) -> Arc<dyn Tree>;
}

/// The place of an output that dependents borrow.
// The cell of `spin` costs half of what that of `std` does: one atomic exchange, and no call through a pointer. Nobody
// ever spins, for a slot is filled once, by one thread, and a reader does not wait for it.
#[derive(Debug)]
pub struct Slot<T>(Once<T>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Once::new())
    }
}

impl<T> Slot<T> {
    /// Puts the value there.
    ///
    /// # Panics
    /// If there is one already, which only a broken engine can cause.
    pub fn set(&self, value: T) {
        let mut is_new = false;
        self.0.call_once(|| {
            is_new = true;
            value
        });
        assert!(is_new, "a slot was filled twice");
    }

    /// The value.
    ///
    /// # Panics
    /// If there is none yet, which only a broken engine can cause.
    pub fn get(&self) -> &T {
        match self.0.get() {
            Some(value) => value,
            None => panic!("a slot was read before it was filled"),
        }
    }
}

/// The place of an output that nobody borrows and that moves on: a region's value that is a call.
#[derive(Debug)]
pub struct TailSlot<T>(Mutex<Option<T>>);

impl<T> Default for TailSlot<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> TailSlot<T> {
    /// Puts the value there.
    pub fn set(&self, value: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    }

    /// Takes the value out.
    ///
    /// # Panics
    /// If there is none, which only a broken engine can cause.
    pub fn take(&self) -> T {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(value) => value,
            None => panic!("a value was taken before it was there"),
        }
    }
}

/// The place of an output whose type is not known there.
#[derive(Default)]
struct Loose(Mutex<Option<Value>>);

impl Loose {
    /// The value, if there is one.
    fn take(self) -> Option<Value> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place for Loose {
    fn fill(&self, value: Value) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    }

    fn decode(&self, _: &Payload) -> Result<Value, DecodeError> {
        Err(DecodeError { expected: "nothing", reason: "the place has no type".to_owned() })
    }
}
