//! The rules, one function each. A [`Checked`] model is the ticket that `expand` demands; only the functions here
//! make one.

pub(crate) mod node;
pub(crate) mod workflow;

#[cfg(test)]
mod tests;

/// A model that keeps all rules.
pub(crate) struct Checked<T>(T);

impl<T> Checked<T> {
    /// The model.
    pub(crate) fn model(&self) -> &T {
        &self.0
    }
}
