//! Who stands left of whom. In: rows. Out: the same rows, in an order in which few lines cross.
//!
//! Row after row, down and up again, each node goes to the middle of what it is joined to; the best order seen is kept.

use super::layers::{Layers, Node};
use super::real;

/// How often all rows are gone through, at most, and how much work that may be.
const SWEEPS: usize = 16;
const WORK: usize = 1_000_000;

/// Puts the rows in an order in which few lines cross.
pub(super) fn untangle(layers: &mut Layers) {
    let mut places = vec![0; layers.nodes.len()];
    layers.rows.iter().for_each(|row| number(row, &mut places));
    let (mut best, mut fewest) = (layers.rows.clone(), crossings(layers, &places));
    let sweeps = SWEEPS.min(WORK / (layers.pieces.len() + 1)).max(2);
    for sweep in 0..sweeps {
        if fewest == 0 {
            break;
        }
        let down = sweep % 2 == 0;
        for step in 1..layers.rows.len() {
            let row = if down { step } else { layers.rows.len() - 1 - step };
            sort(&mut layers.rows[row], &layers.nodes, &mut places, down);
        }
        let now = crossings(layers, &places);
        if now < fewest {
            (best, fewest) = (layers.rows.clone(), now);
        }
    }
    layers.rows = best;
}

fn number(row: &[usize], places: &mut [usize]) {
    row.iter().enumerate().for_each(|(place, &node)| places[node] = place);
}

/// Sorts a row by the middles of what its nodes are joined to, above or below.
fn sort(row: &mut Vec<usize>, nodes: &[Node], places: &mut [usize], down: bool) {
    let mut keyed: Vec<(f64, usize)> = row
        .iter()
        .map(|&node| {
            let joined = if down { &nodes[node].above } else { &nodes[node].below };
            let sum: usize = joined.iter().map(|&other| places[other]).sum();
            // What is joined to nothing stays where it is.
            let middle = if joined.is_empty() { real(places[node]) } else { real(sum) / real(joined.len()) };
            (middle, node)
        })
        .collect();
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
    row.clear();
    row.extend(keyed.into_iter().map(|(_, node)| node));
    number(row, places);
}

/// How many pieces of line cross.
fn crossings(layers: &Layers, places: &[usize]) -> u64 {
    let mut all = 0;
    for (upper, lower) in layers.rows.iter().zip(layers.rows.iter().skip(1)) {
        let mut seen = Counts(vec![0; lower.len() + 1]);
        let mut before = 0;
        for &node in upper {
            let mut ends: Vec<usize> = layers.nodes[node].below.iter().map(|&below| places[below]).collect();
            ends.sort_unstable();
            for end in &ends {
                all += before - seen.up_to(*end);
            }
            for end in ends {
                seen.add(end);
                before += 1;
            }
        }
    }
    all
}

/// How many there are of each number, such that those up to a number are soon counted: a tree of Fenwick's.
struct Counts(Vec<u64>);

impl Counts {
    fn add(&mut self, number: usize) {
        let mut at = number + 1;
        while at < self.0.len() {
            self.0[at] += 1;
            at += at & at.wrapping_neg();
        }
    }

    fn up_to(&self, number: usize) -> u64 {
        let (mut at, mut count) = (number + 1, 0);
        while at > 0 {
            count += self.0[at];
            at -= at & at.wrapping_neg();
        }
        count
    }
}
