//! Queries of a log: the index says which runs may belong to an answer, and in which order; their records say the rest.
//!
//! In: a query. Out: a page. Only as many records are read as it takes to fill the page, so a page of the newest runs
//! costs the same however many runs there are, apart from a look at each in the index.

use std::cmp::Reverse;
use std::sync::Mutex;

use super::index::{Index, Run};
use super::{log, read};
use crate::store::{Cursor, Damaged, Page, Query, StoreError, Summary};

/// How many runs are taken from the index at once.
const CHUNK: usize = 1024;

/// The answer of the log with this index.
pub(super) fn page(index: &Mutex<Index>, query: &Query) -> Result<Page, StoreError> {
    let mut damaged = log::lock(index).all_damaged();
    let (mut runs, mut after) = (Vec::new(), query.after.clone());
    loop {
        let places = log::lock(index).places_behind(after.as_ref(), query);
        for Cursor { id, .. } in &places {
            let found = log::lock(index).find(id);
            match found.and_then(|found| read::load(&found)) {
                Ok(data) => runs.extend(Some(Summary::from(&data)).filter(|run| query.matches(run))),
                // It was deleted since.
                Err(StoreError::NotFound { .. }) => {}
                Err(StoreError::Corrupt { path, reason, .. }) => {
                    damaged.push(Damaged::new(path.unwrap_or_default(), format!("run `{id}`: {reason}")));
                }
                // What this version cannot read hides no other run either.
                Err(error @ StoreError::Newer { .. }) => damaged.push(Damaged::new("", format!("run `{id}`: {error}"))),
                Err(error) => return Err(error),
            }
            if runs.len() > query.page.get() {
                return Ok(query.page_of(runs, damaged));
            }
        }
        after = places.into_iter().next_back();
        if after.is_none() {
            return Ok(query.page_of(runs, damaged));
        }
    }
}

impl Index {
    /// All that is known to be damaged, a run of which that is known by its name.
    fn all_damaged(&self) -> Vec<Damaged> {
        let of = |run: &Run| {
            let damage = run.damage.as_ref()?;
            Some(Damaged::new(damage.path.clone(), format!("run `{}`: {}", run.id, damage.reason)))
        };
        let runs = self.runs().filter_map(|(_, run)| of(run));
        self.damaged.iter().cloned().chain(runs).collect()
    }

    /// The places of the next whole runs that may belong to an answer, in its order.
    fn places_behind(&self, after: Option<&Cursor>, query: &Query) -> Vec<Cursor> {
        let mut places: Vec<_> = self
            .runs()
            .filter(|(_, run)| run.damage.is_none() && query.may_match(run.head.status, run.created_at))
            .map(|(_, run)| (Reverse(run.created_at), &run.id))
            .filter(|place| after.is_none_or(|after| (Reverse(after.created_at), &after.id) < *place))
            .collect();
        if places.len() > CHUNK {
            places.select_nth_unstable(CHUNK);
            places.truncate(CHUNK);
        }
        places.sort_unstable();
        places.into_iter().map(|(created_at, id)| Cursor::new(created_at.0, id.clone())).collect()
    }
}
