//! Branches and fan-outs: what runs, what is bypassed, and what a record says of it.

mod arms;
mod failing;
mod fan_out;
mod heads;
mod nesting;
mod values;
