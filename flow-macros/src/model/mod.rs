//! Syntax → graph: names become indices, and all defaults are decided. Reports what only names can tell; the rules
//! of the graph stand in `check`.

pub(crate) mod bounds;
pub(crate) mod branch;
pub(crate) mod duration;
pub(crate) mod expression;
pub(crate) mod migrate;
pub(crate) mod names;
pub(crate) mod node;
pub(crate) mod order;
pub(crate) mod pattern;
pub(crate) mod policy;
pub(crate) mod resolve;
pub(crate) mod step;
pub(crate) mod text;
pub(crate) mod wait;
pub(crate) mod workflow;
