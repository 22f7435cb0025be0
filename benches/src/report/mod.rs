//! What is made of the figures: tables for the terminal, a document, pictures, and the headline of the README.

mod absent;
mod digits;
pub(crate) mod headline;
pub(crate) mod markdown;
pub(crate) mod plots;
pub(crate) mod table;
mod versions;
