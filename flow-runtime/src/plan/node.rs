//! What `#[node]` says about a function to the compiler and to a plan.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;

use super::{Awaited, Plan, Policy, Undo};

/// A function marked `#[node]`: what a plan and a workflow's types need to know of it.
///
/// Implemented by the marker type that `#[node]` puts beside the function, under the function's own name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a node",
    label = "not a node",
    note = "mark the function with `#[node]`"
)]
pub trait Node: Sized {
    /// The value the node gives: `T` of a function that returns `T` or `Result<T, E>`. It can be stored, which is
    /// checked where the function stands.
    type Output;
    /// The stored name and the output type as written. They are one constant, because each costs the compiler the same.
    #[doc(hidden)]
    const TEXTS: [&'static str; 2];
    /// The stored name: the function's, or the `name` option.
    const NAME: &'static str = Self::TEXTS[0];
    /// The output type as written.
    const OUTPUT: &'static str = Self::TEXTS[1];
    /// How the node is attempted where a step does not say otherwise.
    const POLICY: Policy = Policy::DEFAULT;
    /// The node that undoes this one, where a step does not say otherwise.
    #[doc(hidden)]
    const UNDO: Option<Undo> = None;
    /// Whether there is a function, and it takes a context.
    #[doc(hidden)]
    const ASKS: bool = false;
    /// What gives the output if the node has no body that does.
    #[doc(hidden)]
    const AWAITS: Option<Awaited> = None;
    /// How deep workflows nest in this one; 0 if it is none. Where they call each other in a circle the compiler finds no
    /// value for it, and its name is what one reads.
    #[doc(hidden)]
    const NO_CIRCLE_OF_WORKFLOWS: u32 = 0;
    /// The plan, if this is a workflow that is called as a step.
    #[doc(hidden)]
    const PLAN: Option<&'static Plan> = None;
}

/// Application state that holds a `T`, for nodes with a `#[state] x: &T` parameter.
///
/// Every type provides itself. A type that holds several parts implements this once for each.
///
/// ```
/// use flow_runtime::Provide;
/// struct Bank;
/// struct App { bank: Bank }
/// impl Provide<Bank> for App {
///     fn provide(&self) -> &Bank { &self.bank }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the application state `{Self}` does not provide `{T}`",
    label = "this engine's state has no `{T}`",
    note = "implement `Provide<{T}>` for `{Self}`, or give the engine a state that has it with `.state(..)`"
)]
pub trait Provide<T: ?Sized> {
    /// The part.
    fn provide(&self) -> &T;
}

impl<T> Provide<T> for T {
    fn provide(&self) -> &T {
        self
    }
}

/// That an engine with application state `S` has all that a node or a workflow takes as `#[state]`.
pub trait Requires<S> {
    /// Adds what is needed to the table from which nodes take their state: nothing, unless this is said otherwise.
    fn register(providers: &mut Providers) {
        let _ = providers;
    }
}

impl<S, A, B, C, D, E, F, G, H> Requires<S> for (A, B, C, D, E, F, G, H)
where
    A: Requires<S>,
    B: Requires<S>,
    C: Requires<S>,
    D: Requires<S>,
    E: Requires<S>,
    F: Requires<S>,
    G: Requires<S>,
    H: Requires<S>,
{
    fn register(providers: &mut Providers) {
        A::register(providers);
        B::register(providers);
        C::register(providers);
        D::register(providers);
        E::register(providers);
        F::register(providers);
        G::register(providers);
        H::register(providers);
    }
}

type Get = fn(&(dyn Any + Send + Sync)) -> Option<&(dyn Any + Send + Sync)>;

/// From the type of a `#[state]` parameter to its place in the application state.
#[derive(Clone, Default)]
pub struct Providers {
    parts: HashMap<TypeId, Get>,
}

impl Providers {
    /// Adds the way from `S` to its `T`.
    pub fn add<S, T>(&mut self)
    where
        S: Provide<T> + Send + Sync + 'static,
        T: Send + Sync + 'static,
    {
        self.parts.insert(TypeId::of::<T>(), |state| {
            let state: &S = state.downcast_ref()?;
            let part: &T = state.provide();
            Some(part)
        });
    }

    /// The `T` in this application state, if its type was added.
    pub fn get<'a, T: 'static>(&self, state: &'a (dyn Any + Send + Sync)) -> Option<&'a T> {
        self.parts.get(&TypeId::of::<T>()).and_then(|get| get(state)).and_then(<dyn Any + Send + Sync>::downcast_ref)
    }
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Providers").field("parts", &self.parts.len()).finish()
    }
}
