//! Workflows that call others: their steps are steps of one run, and what they did is undone with them.

mod scopes;
mod values;
