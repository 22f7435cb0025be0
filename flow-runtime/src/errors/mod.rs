//! What an error is called, and what to do about it: the codes of all public errors, each with a page.
//!
//! Each error of this crate has a method `code`, which gives a [`Code`] such as `E-STORE-LOCKED`. A code stays the same
//! when the text of its error changes, so it is what to search for, to count and to compare; its [page](Code::page) says
//! what happened, why, what to do, and what is safe. [`codes`] has them all, and `flow explain E-STORE-LOCKED` prints one.
//!
//! An error that only carries another one has the code of that: [`RunError::Store`] that of its
//! [`StoreError`], because that is what something can be done about. Texts do not have the code in them. A chain of errors
//! would tell it again at each level; who prints the chain tells it once, at the end, as [`report`] does.
//!
//! ```
//! use flow_runtime::errors::{codes, report};
//! use flow_runtime::prelude::*;
//!
//! workflow! { fn answer() -> u32 { 42 } }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let engine = Engine::new(InMemoryStore::default());
//! let error = answer().run(&engine, "no//id").await.unwrap_err();
//! assert_eq!(error.code(), codes::ID_WORKFLOW);
//! assert!(report(&error).to_string().ends_with("\nmore: flow explain E-ID-WORKFLOW"));
//! # }
//! ```
//!
//! What a node returns is the user's own and has no code; that a step failed by it has,
//! [`E-STEP-FAILED`](codes::STEP_FAILED).

mod coded;
pub mod codes;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::disk::DiskError;
use crate::engine::{AskError, ForkError, MigrationError, RunError, StepFailure};
use crate::state::codec::CodecError;
use crate::state::{ApplyError, DecodeError, EncodeError, InvalidId, InvalidRequestId, NodeFailure};
use crate::store::{StoreError, with_causes};
#[cfg(any(test, feature = "testing"))]
use crate::testing::{CrashFailure, LockError};

/// What an error is called, with the page about it.
///
/// ```
/// use flow_runtime::errors::{Code, codes};
///
/// let code = Code::find("E-STORE-FULL").unwrap();
/// assert_eq!(code, codes::STORE_FULL);
/// assert_eq!(code.title(), "The disk is full");
/// println!("{}", code.page());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    name: &'static str,
    /// In Markdown: a heading, a paragraph of one line that says what to do first, then the rest.
    page: &'static str,
}

impl Code {
    /// The code of this name, in capitals or not; `None` if there is none.
    pub fn find(name: &str) -> Option<Self> {
        codes::ALL.iter().find(|code| code.name.eq_ignore_ascii_case(name)).copied()
    }

    /// All codes, sorted by their names.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        codes::ALL.iter().copied()
    }

    /// The name: `E-`, what it is about, and what is the matter.
    pub const fn as_str(self) -> &'static str {
        self.name
    }

    /// What happened, in a few words.
    pub fn title(self) -> &'static str {
        self.page.lines().next().unwrap_or_default().trim_start_matches("# ")
    }

    /// What to do first, in one sentence.
    pub fn help(self) -> &'static str {
        self.page.lines().nth(2).unwrap_or_default()
    }

    /// All there is to say, in Markdown: the title and the help, what happened, why, what to do, what is safe, and which
    /// errors have the code. At most 40 lines of at most 100 characters.
    pub const fn page(self) -> &'static str {
        self.page
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

/// The name alone: the page would bury all around it.
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The code of an error of which the type is not known any more: that of the first error of this crate in its chain.
/// `None` if there is none. With `anyhow`, ask for `code_of(error.as_ref())`.
///
/// ```
/// use flow_runtime::WorkflowId;
/// use flow_runtime::errors::{code_of, codes};
///
/// let error: Box<dyn std::error::Error> = WorkflowId::new("").unwrap_err().into();
/// assert_eq!(code_of(&*error), Some(codes::ID_WORKFLOW));
/// ```
pub fn code_of(error: &(dyn Error + 'static)) -> Option<Code> {
    std::iter::successors(Some(error), |error| (*error).source()).find_map(own_code)
}

/// An error as a program shows it at its end: its text and those of its causes, then, if it has a [code](code_of), what to
/// do first and where there is more.
///
/// ```
/// use flow_runtime::WorkflowId;
/// let error = WorkflowId::new("a//b").unwrap_err();
/// assert_eq!(
///     flow_runtime::errors::report(&error).to_string(),
///     "`a//b` is no workflow id: a part between slashes is empty; an id has 1 to 256 bytes, no control characters, no \
///      `//` and no `/` at either end\n\
///      help: Give the run an id of 1 to 256 bytes without control characters and empty parts.\n\
///      more: flow explain E-ID-WORKFLOW"
/// );
/// ```
pub fn report<'a>(error: &'a (dyn Error + 'static)) -> impl fmt::Display + 'a {
    Report(error)
}

struct Report<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(self.0))?;
        code_of(self.0).map_or(Ok(()), |code| write!(f, "\nhelp: {}\nmore: flow explain {code}", code.help()))
    }
}

/// The code of this error itself, if it is one of this crate.
fn own_code(error: &(dyn Error + 'static)) -> Option<Code> {
    macro_rules! first {
        ($($type:ty),+) => { None$(.or_else(|| as_ref::<$type>(error).map(<$type>::code)))+ };
    }
    let code = first!(RunError, StepFailure, NodeFailure, AskError, ForkError, MigrationError, StoreError);
    let code = code.or_else(|| first!(CodecError, ApplyError, EncodeError, DecodeError, InvalidId, InvalidRequestId));
    let code = code.or_else(|| first!(DiskError));
    #[cfg(any(test, feature = "testing"))]
    let code = code.or_else(|| first!(LockError, CrashFailure));
    code
}

/// The error, if it is of this type, also behind the pointers that errors are kept in.
fn as_ref<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let shared = || error.downcast_ref::<Arc<T>>().map(|error| &**error);
    let boxed = || error.downcast_ref::<Box<T>>().map(|error| &**error);
    error.downcast_ref::<T>().or_else(shared).or_else(boxed)
}
