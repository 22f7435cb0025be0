//! How a run stands, as it is laid over pictures of its plan. `state` knows what stands in a record; here is how each
//! format shows it.

pub(crate) use flow_picture::{Look, Mark};

use crate::plan::Local;

/// How a run stands.
pub(crate) struct Marks {
    /// Which run it is, and its status.
    pub(crate) run: String,
    /// How each step of the plan stands.
    pub(crate) steps: Vec<Mark>,
    /// Whether each region is one that the run did not go into, and will not.
    pub(crate) pale: Vec<bool>,
}

impl Marks {
    pub(super) fn of(&self, local: Local) -> &Mark {
        &self.steps[local as usize]
    }

    pub(super) fn is_pale(&self, region: u32) -> bool {
        self.pale[region as usize]
    }
}

/// All looks, each with its name and its colour, which can be seen on white and on black.
pub(super) const LOOKS: [(Look, &str, &str); 7] = [
    (Look::Open, "open", "#8b949e"),
    (Look::Running, "running", "#2f81f7"),
    (Look::Waiting, "waiting", "#d29922"),
    (Look::Completed, "completed", "#2da44e"),
    (Look::Failed, "failed", "#e5534b"),
    (Look::Stopped, "stopped", "#768390"),
    (Look::Undone, "undone", "#c965c3"),
];

/// The colour of what stands so.
pub(super) fn colour(look: Look) -> &'static str {
    LOOKS.iter().find(|(other, ..)| *other == look).map_or("#8b949e", |(_, _, colour)| colour)
}

/// The sign for it in text.
pub(super) fn sign(look: Look) -> char {
    match look {
        Look::Open => '·',
        Look::Running => '»',
        Look::Waiting => '…',
        Look::Completed => '✓',
        Look::Failed => '✗',
        Look::Stopped => '–',
        Look::Undone => '↺',
    }
}
