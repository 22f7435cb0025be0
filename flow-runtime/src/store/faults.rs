//! How the disk fails under the stores that keep files, for the tests of each.
//!
//! Out: the kinds of faults, once and for ever, and what a store may say of them.

use super::StoreError;
use crate::disk::Fault;

pub(super) const EIO: i32 = 5;
pub(super) const ENOSPC: i32 = 28;
pub(super) const EDQUOT: i32 = 122;
const EROFS: i32 = 30;
const EMFILE: i32 = 24;

/// Every kind.
pub(super) const KINDS: [Fault; 7] = [
    Fault::Errno(EIO),
    Fault::Errno(ENOSPC),
    Fault::Errno(EDQUOT),
    Fault::Errno(EROFS),
    Fault::Errno(EMFILE),
    Fault::ShortWrite,
    Fault::Ambiguous,
];

/// One for each way in which what comes next goes on: nothing was done, a part of it, or all.
pub(super) const FEW_KINDS: [Fault; 3] = [Fault::Errno(ENOSPC), Fault::ShortWrite, Fault::Ambiguous];

/// Each of these once, and for ever.
pub(super) fn once_and_for_ever(kinds: &[Fault]) -> impl Iterator<Item = (Fault, bool)> {
    kinds.iter().flat_map(|&kind| [(kind, false), (kind, true)])
}

/// Whether the error is one that says that a file operation failed.
pub(super) fn is_typed(error: &StoreError) -> bool {
    matches!(error, StoreError::Io { .. } | StoreError::Full { .. } | StoreError::Poisoned { .. })
}
