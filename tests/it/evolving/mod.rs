//! Workflows that change while runs of them are stored: what is said before such a run is taken up, and the file that
//! notices the change.

mod asked_before;
mod locked;
