//! What the tool that measures and the programs that are measured have in common: shapes, cases, and the lines by which
//! a case is asked to run.
//!
//! A program lists its [`Case`]s and calls [`serve::main`]. The tool starts it and asks, over its standard input, for one
//! sample after the other, so that engines take turns though they may live in several processes.

pub mod case;
pub mod gate;
pub mod serve;
pub mod shape;
pub mod stored;
