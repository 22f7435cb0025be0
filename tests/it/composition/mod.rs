//! Workflows that call others: their steps are steps of one run, and what they did is undone with them.

mod control;
mod evolving;
mod meanwhile;
mod property;
mod scopes;
mod values;
mod world;
