//! The future of one attempt, whose output may go into a slot of its type without being boxed first.
//!
//! In: what a node's function returns. Out: a [`Body`], which the engine polls without knowing the type of its output.

use std::any::Any;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::place::Place;
use super::tree::{BodyError, Slot, TailSlot, Value};
use crate::state::{BoxError, Output, is_permanent};

/// The future of one attempt.
pub struct Body<'a>(Pin<Box<dyn Run + Send + 'a>>);

/// What an attempt gives when it is awaited: an output without its type, or why there is none.
type Ended = Result<Value, BodyError>;

impl<'a> Body<'a> {
    /// A body that gives its output without its type.
    pub fn new(future: impl Future<Output = Ended> + Send + 'a) -> Self {
        Self::of(future, |ended| ended.map(Untyped).map_err(Box::new))
    }

    fn of<F, T: Given + Send + 'a>(
        future: F,
        result: impl FnOnce(F::Output) -> Result<T, Box<BodyError>> + Send + 'a,
    ) -> Self
    where
        F: Future + Send + 'a,
    {
        Self(Box::pin(Running { future, result: Some(result), output: None }))
    }

    /// Runs it as far as it goes.
    pub(super) fn poll_run(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Box<BodyError>>> {
        self.0.as_mut().run(task)
    }

    /// Moves the output of one that has ended well into its slot.
    pub(super) fn give(&mut self, place: &dyn Place) {
        self.0.as_mut().give(place);
    }

    /// The output of one that has ended well.
    pub(super) fn take(&mut self) -> Value {
        self.0.as_mut().take()
    }
}

impl Future for Body<'_> {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Ended> {
        let ran = ready!(self.poll_run(task));
        Poll::Ready(ran.map(|()| self.take()).map_err(|error| *error))
    }
}

/// A future that keeps its output until it is asked for it.
trait Run {
    fn run(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Result<(), Box<BodyError>>>;

    fn give(self: Pin<&mut Self>, place: &dyn Place);

    fn take(self: Pin<&mut Self>) -> Value;
}

/// What a body can end with.
trait Given {
    fn boxed(self) -> Value;

    fn put(self, place: &dyn Place);
}

impl<T: Output> Given for T {
    fn boxed(self) -> Value {
        Box::new(self)
    }

    fn put(self, place: &dyn Place) {
        put(self, place);
    }
}

/// An output whose type is not known any more.
struct Untyped(Value);

impl Given for Untyped {
    fn boxed(self) -> Value {
        self.0
    }

    fn put(self, place: &dyn Place) {
        place.fill(self.0);
    }
}

pin_project! {
    struct Running<F, R, T> {
        #[pin]
        future: F,
        // What the output means; gone when it was asked.
        result: Option<R>,
        output: Option<T>,
    }
}

impl<F, R, T> Running<F, R, T> {
    fn taken(self: Pin<&mut Self>) -> T {
        match self.project().output.take() {
            Some(output) => output,
            None => panic!("a body was asked for an output that it does not have"),
        }
    }
}

impl<F: Future, R: FnOnce(F::Output) -> Result<T, Box<BodyError>>, T: Given> Run for Running<F, R, T> {
    fn run(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Result<(), Box<BodyError>>> {
        let this = self.project();
        let ended = ready!(this.future.poll(task));
        let Some(result) = this.result.take() else { panic!("a body was polled after its end") };
        Poll::Ready(result(ended).map(|output| *this.output = Some(output)))
    }

    fn give(self: Pin<&mut Self>, place: &dyn Place) {
        self.taken().put(place);
    }

    fn take(self: Pin<&mut Self>) -> Value {
        self.taken().boxed()
    }
}

/// Runs the body of a node that returns a `T`, unless that is a `Result`, also under another name, whose errors would
/// count as outputs. The compiler takes the `run` of this type before that of the one behind it, so a `Result` gets one
/// that nothing may call. A constant could tell it too, but each one costs the compiler a good part of what a node does.
pub struct Probe<T>(Plain<T>);

/// What a [`Probe`] stands for if its type is no `Result`.
pub struct Plain<T>(PhantomData<T>);

/// What no [`Probe`] is.
#[diagnostic::on_unimplemented(
    message = "the output of a node is a `Result` under another name, and its errors would count as outputs",
    label = "a `Result` under another name",
    note = "write `Result<T, E>` as the return type"
)]
pub trait IsNoResult {}

impl<T> Probe<T> {
    /// It holds nothing.
    pub const NEW: Self = Self(Plain(PhantomData));
}

impl<T> Deref for Probe<T> {
    type Target = Plain<T>;

    fn deref(&self) -> &Plain<T> {
        &self.0
    }
}

impl<T> Plain<T> {
    /// The body of a node that returns its output.
    pub fn run<'a>(&self, future: impl Future<Output = T> + Send + 'a) -> Body<'a>
    where
        T: Output,
    {
        Body::of(future, Ok)
    }
}

impl<T, E> Probe<Result<T, E>> {
    /// What nothing may call.
    pub fn run<'a>(&self, future: impl Future) -> Body<'a>
    where
        Self: IsNoResult,
    {
        drop(future);
        unreachable!("no probe is no result")
    }
}

/// The body of a node that returns a `Result`; `retry` says of an error whether another attempt may help.
pub fn run_fallible<'a, T, E>(future: impl Future<Output = Result<T, E>> + Send + 'a, retry: fn(&E) -> bool) -> Body<'a>
where
    T: Output,
    E: Into<BoxError> + 'a,
{
    Body::of(future, move |ended| {
        ended.map_err(|error| {
            let retry = retry(&error);
            let error: BoxError = error.into();
            let permanent = !retry || is_permanent(error.as_ref());
            Box::new(BodyError::Failed { error, permanent })
        })
    })
}

/// Puts a value into the slot of its type.
///
/// # Panics
/// If the value has another type or the slot is full, which only a broken engine can cause.
pub(crate) fn put<T: Output>(value: T, place: &dyn Place) {
    let any: &dyn Any = place;
    if let Some(slot) = any.downcast_ref::<Slot<T>>() {
        slot.set(value);
    } else if let Some(slot) = any.downcast_ref::<TailSlot<T>>() {
        slot.set(value);
    } else {
        place.fill(Box::new(value));
    }
}
