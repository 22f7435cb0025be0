//! Which runs are taken by an engine, for stores that one process writes.
//!
//! In: claims and releases. Out: the fences of the claims, or who holds the run already. The table lives in memory, as
//! long as the store is open, and needs no lease: nobody else can open the store for writing until this process has
//! closed it or is gone, and in this process an engine gives its runs back when they end, and all when it is dropped,
//! so that no claim is left behind by an owner that vanished.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Owner, StoreError};
use crate::state::WorkflowId;

/// The claimed runs of one store. All handles of the store share it.
#[derive(Debug, Default)]
pub(super) struct Claims {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    held: HashMap<WorkflowId, Claim>,
    /// The fence that was given out last, over all runs: so a run's fence grows although nothing is kept of a run that
    /// was given back.
    last_fence: u64,
}

#[derive(Clone, Copy, Debug)]
struct Claim {
    owner: Owner,
    fence: u64,
}

impl Claims {
    /// Takes a run for this owner and gives the fence of its deltas; the same one if it has the run already.
    pub(super) fn claim(&self, id: &WorkflowId, owner: Owner) -> Result<u64, StoreError> {
        let mut table = self.table();
        let Table { held, last_fence } = &mut *table;
        match held.entry(id.clone()) {
            Entry::Occupied(held) if held.get().owner == owner => Ok(held.get().fence),
            Entry::Occupied(_) => {
                Err(StoreError::Held { id: id.clone(), holder: "another engine of this process".to_owned() })
            }
            Entry::Vacant(free) => {
                *last_fence += 1;
                Ok(free.insert(Claim { owner, fence: *last_fence }).fence)
            }
        }
    }

    /// Gives a run back, if this owner has it.
    pub(super) fn release(&self, id: &WorkflowId, owner: Owner) {
        let mut table = self.table();
        if table.held.get(id).is_some_and(|claim| claim.owner == owner) {
            table.held.remove(id);
        }
    }

    /// Gives back all runs of an owner that is gone.
    pub(super) fn forget(&self, owner: Owner) {
        self.table().held.retain(|_, claim| claim.owner != owner);
    }

    /// That nobody has the run, so that it may be deleted.
    pub(super) fn check_free(&self, id: &WorkflowId) -> Result<(), StoreError> {
        if self.table().held.contains_key(id) {
            let reason = "an engine has claimed it, and a live run is not deleted".to_owned();
            return Err(StoreError::Conflict { id: id.clone(), reason });
        }
        Ok(())
    }

    /// That no other has taken the run since the sender of a delta with this fence did.
    pub(super) fn check_fence(&self, id: &WorkflowId, sent: u64) -> Result<(), StoreError> {
        match self.table().held.get(id) {
            Some(Claim { fence, .. }) if sent < *fence => {
                let reason = format!("it has changed hands: its fence is {fence}, and a change came with {sent}");
                Err(StoreError::Conflict { id: id.clone(), reason })
            }
            _ => Ok(()),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: &str) -> WorkflowId {
        WorkflowId::new(id).unwrap()
    }

    #[test]
    fn b20_a_run_has_one_owner_until_it_is_given_back() {
        let (claims, one, other) = (Claims::default(), Owner::draw(), Owner::draw());
        let fence = claims.claim(&id("run"), one).unwrap();
        assert!(fence > 0, "0 says that nothing is held");
        assert_eq!(claims.claim(&id("run"), one).unwrap(), fence);
        let refused = claims.claim(&id("run"), other).unwrap_err();
        let held = "run `run` is driven by another engine of this process; try again when it has ended there";
        assert_eq!(refused.to_string(), held);
        claims.claim(&id("another"), other).unwrap();

        claims.release(&id("run"), other);
        assert!(claims.claim(&id("run"), other).is_err(), "only its owner gives a run back");
        claims.release(&id("run"), one);
        assert!(claims.claim(&id("run"), other).is_ok());
    }

    #[test]
    fn b20_an_owner_that_is_gone_holds_nothing() {
        let (claims, one, other) = (Claims::default(), Owner::draw(), Owner::draw());
        for run in ["a", "b"] {
            claims.claim(&id(run), one).unwrap();
        }
        claims.claim(&id("c"), other).unwrap();
        claims.forget(one);
        for run in ["a", "b"] {
            claims.claim(&id(run), other).unwrap();
        }
        assert!(claims.claim(&id("c"), one).is_err(), "only those of the owner are free");
    }

    #[test]
    fn b63_fences_grow_over_releases_and_older_ones_are_refused() {
        let (claims, one, other) = (Claims::default(), Owner::draw(), Owner::draw());
        let mut last = 0;
        for owner in [one, other, one, one, other] {
            let fence = claims.claim(&id("run"), owner).unwrap();
            assert!(fence > last, "fence {fence} came after {last}");
            claims.check_fence(&id("run"), fence).unwrap();
            let refused = claims.check_fence(&id("run"), last);
            assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
            claims.check_fence(&id("another"), last).unwrap();
            claims.release(&id("run"), owner);
            claims.check_fence(&id("run"), 0).unwrap();
            last = fence;
        }
    }

    #[test]
    fn b39_a_claimed_run_is_not_free_to_be_deleted() {
        let (claims, owner) = (Claims::default(), Owner::draw());
        claims.claim(&id("run"), owner).unwrap();
        let refused = claims.check_free(&id("run"));
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
        claims.check_free(&id("another")).unwrap();
        claims.release(&id("run"), owner);
        claims.check_free(&id("run")).unwrap();
    }
}
