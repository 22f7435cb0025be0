//! The engine's side of observers: told what is committed, and kept from hurting a run.

use super::context::RunShared;
use super::position::Position;
use crate::state::{Event, WorkflowData};

/// Those who are told.
#[derive(Clone, Default)]
pub(crate) struct Observers {}

impl Observers {
    pub(crate) fn event(&self, _run: &RunShared, _data: &WorkflowData, _event: &Event) {}
    pub(crate) fn progress(&self, _run: &RunShared, _position: &Position, _fraction: f64, _message: &str) {}
}
