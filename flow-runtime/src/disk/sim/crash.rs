//! What a disk may hold after its power went.
//!
//! In: what is durable, and the operations that were not synced. Out: every state that a model of the file system
//! allows.

use super::{Disk, Op, State};

/// What of the operations that were not synced may have reached the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CrashModel {
    /// Any of them, in any combination, as POSIX allows.
    StrictPosix,
    /// Any of them, but a name only together with the bytes of its file.
    Ordered,
    /// Any of them, but the bytes of a write may be zeros where only the new length was kept.
    ZeroLength,
    /// All up to one of them, which is a write that was cut at any byte (above 4 KiB: at any sector); of those after
    /// it all or none.
    Torn,
}

impl CrashModel {
    /// All models.
    pub const ALL: [Self; 4] = [Self::StrictPosix, Self::Ordered, Self::ZeroLength, Self::Torn];
}

/// Up to this many operations all combinations are tried; beyond, all prefixes and all with one left out.
const MAX_COMBINED: usize = 10;
const SECTOR: usize = 512;
const MAX_BYTEWISE: usize = 4096;

/// The states a disk may be found in.
pub(super) fn states(disk: &Disk, model: CrashModel) -> Vec<State> {
    let ops = &disk.unsynced;
    let mut states = Vec::new();
    let mut add = |kept: &[bool], change: &dyn Fn(&Op) -> Op| {
        let mut state = disk.durable.clone();
        ops.iter().zip(kept).filter(|(_, kept)| **kept).for_each(|(op, _)| state.apply(&change(op)));
        states.push(state);
    };
    if model == CrashModel::Torn {
        for (last, op) in ops.iter().enumerate() {
            let kept: Vec<bool> = (0..ops.len()).map(|i| i <= last).collect();
            for cut in cuts(op) {
                let torn = |other: &Op| if std::ptr::eq(other, op) { cut_at(other, cut) } else { other.clone() };
                add(&kept, &torn);
                add(&vec![true; ops.len()], &torn);
            }
        }
        add(&vec![false; ops.len()], &Op::clone);
        return states;
    }
    for kept in subsets(ops.len()) {
        if model == CrashModel::Ordered && !names_follow_bytes(ops, &kept) {
            continue;
        }
        add(&kept, &Op::clone);
        if model == CrashModel::ZeroLength {
            add(&kept, &zeroed);
        }
    }
    states
}

/// Which operations are kept: all combinations of few, the likeliest of many.
fn subsets(len: usize) -> Vec<Vec<bool>> {
    if len <= MAX_COMBINED {
        return (0..1_u32 << len).map(|mask| (0..len).map(|i| mask & (1 << i) != 0).collect()).collect();
    }
    let prefixes = (0..=len).map(|end| (0..len).map(|i| i < end).collect());
    let all_but_one = (0..len).map(|out| (0..len).map(|i| i != out).collect());
    prefixes.chain(all_but_one).collect()
}

fn names_follow_bytes(ops: &[Op], kept: &[bool]) -> bool {
    ops.iter().zip(kept).filter(|(_, kept)| **kept).all(|(op, _)| match op {
        Op::Rename { file, .. } => {
            ops.iter().zip(kept).all(|(other, kept)| other.file_changed() != Some(*file) || *kept)
        }
        _ => true,
    })
}

fn zeroed(op: &Op) -> Op {
    match op {
        Op::Write { file, offset, bytes } => Op::Write { file: *file, offset: *offset, bytes: vec![0; bytes.len()] },
        op => op.clone(),
    }
}

fn cuts(op: &Op) -> Vec<usize> {
    match op {
        Op::Write { bytes, .. } if bytes.len() <= MAX_BYTEWISE => (0..=bytes.len()).collect(),
        Op::Write { bytes, .. } => (0..=bytes.len()).step_by(SECTOR).chain([bytes.len()]).collect(),
        _ => vec![0],
    }
}

fn cut_at(op: &Op, cut: usize) -> Op {
    match op {
        Op::Write { file, offset, bytes } => {
            let bytes = bytes.get(..cut).unwrap_or(bytes).to_vec();
            Op::Write { file: *file, offset: *offset, bytes }
        }
        op => op.clone(),
    }
}
