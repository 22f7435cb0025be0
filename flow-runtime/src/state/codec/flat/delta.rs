//! Deltas: some facts of one run, with their place in it.

use std::cell::RefCell;

use bytes::Bytes;

use super::event::{self, parts, weight};
use super::value::write_texts;
use super::{Builder, CodecError, FindPlan, Plans, check_size, fb, quick, root};
use crate::state::{Ack, Delta, Timestamp};

/// How long a change may be to be made in what each thread keeps for that: a change is made at every step.
const KEPT_BYTES: usize = 4 << 10;

thread_local! {
    static BUILDER: RefCell<Builder> = RefCell::new(Builder::with_capacity(KEPT_BYTES));
}

/// A delta as bytes, without `run_no` and `seq`, which what is around it has.
pub(crate) fn write_delta(delta: &Delta, plans: Plans) -> Result<Vec<u8>, CodecError> {
    write(delta, delta.at, plans)
}

/// A delta as bytes, without `run_no`, `seq` and its time, which the frame around it has. It reads back with time 0.
pub(crate) fn write_change(delta: &Delta, plans: Plans) -> Result<Vec<u8>, CodecError> {
    write(delta, 0, plans)
}

fn write(delta: &Delta, at: Timestamp, plans: Plans) -> Result<Vec<u8>, CodecError> {
    let taken: usize = delta.taken.iter().map(|id| id.len() + 16).sum();
    let bytes = 64 + taken + delta.events.iter().map(|event| weight(event, plans)).sum::<usize>();
    check_size(bytes, delta.taken.len() + delta.events.iter().map(parts).sum::<usize>())?;
    if bytes > KEPT_BYTES {
        return build(&mut Builder::with_capacity(bytes.next_multiple_of(64)), delta, at, plans);
    }
    BUILDER.with_borrow_mut(|to| {
        to.reset();
        build(to, delta, at, plans)
    })
}

fn build(to: &mut Builder, delta: &Delta, at: Timestamp, plans: Plans) -> Result<Vec<u8>, CodecError> {
    let events = delta.events.iter().map(|one| event::write(to, one, plans)).collect::<Result<Vec<_>, _>>()?;
    let taken: Vec<&str> = delta.taken.iter().map(String::as_str).collect();
    let args = fb::DeltaArgs {
        at,
        events: Some(to.create_vector(&events)),
        fence: delta.fence,
        taken: write_texts(to, &taken),
        lazy: delta.ack == Ack::Lazy,
        ..Default::default()
    };
    let delta = fb::Delta::create(to, &args);
    to.finish_minimal(delta);
    Ok(to.finished_data().to_vec())
}

/// The delta that `write_delta` wrote, of this run and this place in it.
pub(crate) fn read_delta(bytes: &Bytes, run_no: u64, seq: u64, plans: &dyn FindPlan) -> Result<Delta, CodecError> {
    match quick::read(bytes, run_no, seq) {
        Some(delta) => Ok(delta),
        None => read_verified(bytes, run_no, seq, plans),
    }
}

pub(super) fn read_verified(bytes: &Bytes, run_no: u64, seq: u64, plans: &dyn FindPlan) -> Result<Delta, CodecError> {
    let delta = root::<fb::Delta<'_>>(bytes)?;
    let events = delta.events().into_iter().flatten().map(|one| event::read(bytes, one, plans));
    Ok(Delta {
        run_no,
        seq,
        fence: delta.fence(),
        at: delta.at(),
        ack: if delta.lazy() { Ack::Lazy } else { Ack::Sync },
        events: events.collect::<Result<_, _>>()?,
        taken: delta.taken().iter().flatten().map(str::to_owned).collect(),
    })
}
