//! What a workflow may call that has no body: it waits for something outside, and that costs no task and no thread.
//!
//! In: arguments of a step. Out: for what it waits. They are nodes like those that `#[node]` makes, written by hand.

#![expect(non_camel_case_types, reason = "a node has the name of a function")]

use std::fmt;
use std::future;
use std::marker::PhantomData;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::NodeContext;
use super::body::Body;
use super::clock::Moment;
use super::tree::{BodyError, WaitFor};
use crate::plan::{Awaited, Node, Policy, Requires};
use crate::state::Output;

/// In a workflow: `sleep("24h")`, or `sleep(x)` of a `Duration`, waits that long. The output is `()`, so what is to come
/// later names the step in `#[after(..)]`.
///
/// The time at which it ends is stored when the step is reached; restarts do not move it, and if it has passed when
/// nobody was there, the step ends as soon as someone is. While a run waits it takes no task, and the process may end:
/// [`Engine::recover`](crate::Engine::recover) takes it up again. To the time it adds at most a second.
///
/// ```
/// use flow_runtime::prelude::*;
///
/// #[node]
/// async fn remind(who: &str) {}
///
/// workflow! {
///     fn later(who: String) -> () {
///         let night = sleep("12h");
///         #[after(night)]
///         remind(who)
///     }
/// }
/// ```
#[derive(Debug)]
pub struct sleep {}

/// In a workflow: `sleep_until(t)` waits for a point in time, a `SystemTime` or what can be made one, as the times of
/// chrono and jiff can. If it has passed, the step ends at once. See [`sleep`].
#[derive(Debug)]
pub struct sleep_until {}

/// In a workflow: `wait_for::<T>("name")` waits for a signal of this name, whose value is the output. The name may be an
/// expression. See [`Engine::signal`](crate::Engine::signal) for who sends it; it may come before the run has reached the
/// step, or before there is a run. One signal serves one step.
///
/// With `#[with(timeout = "3d")]` the step fails if no signal has come by then, and with `#[catch]` that is a value.
///
/// ```
/// use flow_runtime::prelude::*;
///
/// #[node]
/// async fn greet(name: &str) -> String { format!("hello, {name}") }
///
/// workflow! {
///     fn door() -> String {
///         let visitor = wait_for::<String>("bell");
///         greet(visitor)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = Engine::new(InMemoryStore::default());
/// let run = door().start(&engine, "front")?;
/// engine.signal("front", "bell", &"Ada".to_owned()).await?;
/// assert_eq!(run.result().await?, "hello, Ada");
/// # Ok(())
/// # }
/// ```
#[expect(missing_debug_implementations, reason = "there is no value of it")]
pub struct wait_for<T> {
    _types: PhantomData<fn() -> T>,
}

/// In a workflow: `approval("name")` is `wait_for::<Approval>("name")`.
#[derive(Debug)]
pub struct approval {}

/// Someone's word: the value of [`approval`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Approval {
    /// Yes.
    Approved {
        /// Who said so.
        by: String,
    },
    /// No.
    Rejected {
        /// Who said so.
        by: String,
        /// Why.
        reason: String,
    },
}

impl Approval {
    /// Yes, says this one.
    pub fn approved(by: impl Into<String>) -> Self {
        Self::Approved { by: by.into() }
    }

    /// No, says this one, for this reason.
    pub fn rejected(by: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Rejected { by: by.into(), reason: reason.into() }
    }

    /// Whether it is a yes.
    pub const fn is_approved(&self) -> bool {
        matches!(self, Self::Approved { .. })
    }

    /// Who said it.
    pub fn by(&self) -> &str {
        match self {
            Self::Approved { by } | Self::Rejected { by, .. } => by,
        }
    }
}

impl fmt::Display for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Approved { by } => write!(f, "approved by {by}"),
            Self::Rejected { by, reason } => write!(f, "rejected by {by}: {reason}"),
        }
    }
}

/// How long [`sleep`] waits: a `Duration`, or in the workflow a literal such as `"1h 30m"`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no length of time",
    label = "expected a literal such as `\"24h\"`, or a `Duration`",
    note = "`sleep` takes a literal (`\"90s\"`, `\"24h\"`) or a `std::time::Duration`; a point in time is for `sleep_until`"
)]
pub trait Delay {
    /// The length.
    fn delay(&self) -> Duration;
}

impl Delay for Duration {
    fn delay(&self) -> Duration {
        *self
    }
}

fn waits<'a>(on: WaitFor) -> Body<'a> {
    Body::new(future::ready(Err(BodyError::Waits(on))))
}

/// That a timer runs again after a crash changes nothing: its end is stored.
const TIMER: Policy = Policy::DEFAULT.with_pure(true);

macro_rules! node {
    ($name:ident $(<$T:ident>)?, $output:ty, $text:literal, $policy:expr, $awaits:ident) => {
        impl $(<$T>)? Node for $name $(<$T>)? {
            type Output = $output;
            const TEXTS: [&'static str; 2] = [stringify!($name), $text];
            const POLICY: Policy = $policy;
            const AWAITS: Option<Awaited> = Some(Awaited::$awaits);
        }

        impl<S $(, $T)?> Requires<S> for $name $(<$T>)? {}
    };
}

node!(sleep, (), "()", TIMER, Timer);
node!(sleep_until, (), "()", TIMER, Timer);
node!(wait_for<T>, T, "T", Policy::DEFAULT, Signal);
node!(approval, Approval, "Approval", Policy::DEFAULT, Signal);

/// How generated code calls these nodes: by a method `call` of what `__at` gives, as it calls any.
#[expect(clippy::unused_self, reason = "that is how a node is called")]
mod calls {
    use super::{
        Approval, Body, Delay, Moment, NodeContext, Output, PhantomData, WaitFor, approval, sleep, sleep_until,
        wait_for, waits,
    };

    #[derive(Debug)]
    pub struct Call<N>(PhantomData<fn() -> N>);

    impl<N> Call<N> {
        const NEW: Self = Self(PhantomData);
    }

    impl sleep {
        #[doc(hidden)]
        pub fn __at(_: &NodeContext) -> Call<Self> {
            Call::NEW
        }
    }

    impl sleep_until {
        #[doc(hidden)]
        pub fn __at(_: &NodeContext) -> Call<Self> {
            Call::NEW
        }
    }

    impl approval {
        #[doc(hidden)]
        pub fn __at(_: &NodeContext) -> Call<Self> {
            Call::NEW
        }
    }

    impl<T> wait_for<T> {
        #[doc(hidden)]
        pub fn __at(_: &NodeContext) -> Call<Self> {
            Call::NEW
        }
    }

    impl Call<sleep> {
        pub fn call<'a, D: Delay + ?Sized>(self, delay: &D) -> Body<'a> {
            waits(WaitFor::Delay(delay.delay()))
        }
    }

    impl Call<sleep_until> {
        pub fn call<'a, D: Moment>(self, due: &D) -> Body<'a> {
            waits(WaitFor::Until(due.timestamp()))
        }
    }

    impl<T> Call<wait_for<T>> {
        pub fn call<'a, N: AsRef<str> + ?Sized>(self, name: &N) -> Body<'a>
        where
            T: Output,
        {
            let name = name.as_ref().to_owned();
            waits(WaitFor::Signal { name, type_name: std::any::type_name::<T>() })
        }
    }

    impl Call<approval> {
        pub fn call<'a, N: AsRef<str> + ?Sized>(self, name: &N) -> Body<'a> {
            Call::<wait_for<Approval>>::NEW.call(name)
        }
    }
}
