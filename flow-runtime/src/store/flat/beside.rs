//! Reading a log beside the process that writes to it.
//!
//! In: the folder. Out: the index of what stands in the log, read anew each time, or once for all.

use std::sync::{Arc, Mutex};

use super::index::Index;
use super::scan;
use crate::disk::{self, Dir};
use crate::store::StoreError;

/// How often a reader begins again when the writer tidies up under its hands.
const TRIES: usize = 8;

/// A log that another process may be writing to.
#[derive(Clone)]
pub(super) struct Beside {
    dir: Arc<dyn Dir>,
    /// What stood in it when it was opened, for who sees nothing later. Its files stay open, so that they can be read
    /// when the writer has removed them.
    still: Option<Arc<Mutex<Index>>>,
}

impl Beside {
    /// The log as it is at each call.
    pub(super) fn new(dir: Arc<dyn Dir>) -> Self {
        Self { dir, still: None }
    }

    /// The log as it is now.
    pub(super) fn snapshot(dir: Arc<dyn Dir>) -> Result<Self, StoreError> {
        let still = Some(Arc::new(Mutex::new(read(&*dir)?)));
        Ok(Self { dir, still })
    }

    pub(super) fn index(&self) -> Result<Arc<Mutex<Index>>, StoreError> {
        match &self.still {
            Some(still) => Ok(still.clone()),
            None => read(&*self.dir).map(Mutex::new).map(Arc::new),
        }
    }

    pub(super) fn holder(&self) -> Result<Option<String>, StoreError> {
        Ok(disk::holder(&*self.dir)?)
    }
}

fn read(dir: &dyn Dir) -> Result<Index, StoreError> {
    let scan = || scan::scan(dir, false).map(|scan| scan.map_or_else(Index::new, |scan| scan.index));
    for _ in 1..TRIES {
        match scan() {
            Ok(index) => return Ok(index),
            // The writer has removed a segment between our finding its name and opening it.
            Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    scan()
}
