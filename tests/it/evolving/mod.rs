//! Workflows that change while runs of them are stored: what is said before such a run is taken up, the file that notices
//! the change, and outputs that move to another type.

mod asked_before;
mod locked;
pub(crate) mod migrated;
