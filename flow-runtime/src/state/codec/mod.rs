//! Records, deltas, plans and requests as bytes, and back.
//!
//! In: what the engine and the stores hold in memory. Out: the same through bytes of any origin, or an error; no
//! bytes make a panic. What is written where is the stores' affair.

mod check;
pub(crate) mod flat;
#[allow(
    warnings,
    unsafe_code,
    clippy::all,
    clippy::pedantic,
    reason = "made by flatc from schema/flow.fbs; read only through `flat`"
)]
#[rustfmt::skip]
mod generated;
pub(crate) mod json;
#[cfg(test)]
pub(crate) mod random;
mod sealed;
#[cfg(test)]
mod tests;

/// Bytes could not be turned into a record, or a record into bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The bytes are damaged, or never were what they are taken for.
    ///
    /// [`E-STORE-CORRUPT`](crate::errors::codes::STORE_CORRUPT).
    #[error("the bytes are broken: {reason}")]
    Broken {
        /// What is wrong with them.
        reason: String,
    },
    /// The bytes were written by a newer version.
    ///
    /// [`E-STORE-NEWER`](crate::errors::codes::STORE_NEWER).
    #[error("a newer version of Flow is needed: {found}, this version knows {known}")]
    Newer {
        /// What was found: "event 17 (`StepAdopted`)".
        found: String,
        /// What this version knows: "events up to 15".
        known: String,
    },
    /// The record is beyond the limits of the format.
    ///
    /// [`E-STORE-UNSTORABLE`](crate::errors::codes::STORE_UNSTORABLE).
    #[error("the record cannot be stored: {reason}")]
    Unstorable {
        /// Which limit.
        reason: String,
    },
}

impl CodecError {
    pub(crate) fn broken(reason: impl Into<String>) -> Self {
        Self::Broken { reason: reason.into() }
    }
}
