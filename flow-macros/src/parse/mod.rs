//! Tokens → syntax: what the user wrote, with its spans. Says what is no syntax of ours; decides no meaning.

pub(crate) mod attributes;
pub(crate) mod language;
pub(crate) mod node;
pub(crate) mod options;
pub(crate) mod workflow;
