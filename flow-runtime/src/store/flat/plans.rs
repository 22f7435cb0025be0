//! Plans as they are kept: each is encoded once, however many runs it has.
//!
//! In: a plan. Out: its bytes, with the digest by which the log knows it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::format;
use crate::plan::Plan;
use crate::state::codec::CodecError;
use crate::state::codec::flat::write_plan;

/// How many plans are kept encoded: those that runs began with last.
const MOST: usize = 16;

/// A plan as it is kept.
pub(super) struct EncodedPlan {
    pub(super) digest: u64,
    pub(super) bytes: Vec<u8>,
}

/// The plans that were encoded last.
#[derive(Default)]
pub(super) struct EncodedPlans(Mutex<VecDeque<(Arc<Plan>, Arc<EncodedPlan>)>>);

impl EncodedPlans {
    /// The bytes of a plan. The runs of an engine share the plans of their workflows.
    pub(super) fn of(&self, plan: &Arc<Plan>) -> Result<Arc<EncodedPlan>, CodecError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, encoded)) = known.iter().find(|(known, _)| Arc::ptr_eq(known, plan)) {
            return Ok(encoded.clone());
        }
        let bytes = write_plan(plan)?;
        let encoded = Arc::new(EncodedPlan { digest: format::digest(&bytes), bytes });
        known.truncate(MOST - 1);
        known.push_front((plan.clone(), encoded.clone()));
        Ok(encoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Graph;

    fn plan(name: &'static str) -> Arc<Plan> {
        Arc::new(Graph::<u8>::new(name).plan())
    }

    #[test]
    fn a_plan_is_encoded_once_and_only_the_last_are_kept() {
        let (plans, first) = (EncodedPlans::default(), plan("first"));
        let encoded = plans.of(&first).unwrap();
        assert!(Arc::ptr_eq(&encoded, &plans.of(&first).unwrap()));
        assert_eq!(plans.of(&plan("first")).unwrap().digest, encoded.digest, "equal plans have equal bytes");
        assert_ne!(plans.of(&plan("second")).unwrap().digest, encoded.digest);
        for _ in 0..2 * MOST {
            plans.of(&plan("another")).unwrap();
        }
        assert_eq!(plans.0.lock().unwrap().len(), MOST);
        assert!(!Arc::ptr_eq(&encoded, &plans.of(&first).unwrap()));
    }
}
