//! How far right, and how far down. In: rows in their order. Out: places of boxes, and lines.
//!
//! Each node wants to stand in the middle of what it is joined to, points on lines more than boxes, so that long lines
//! are straight. In each row the wishes are met as well as can be with nobody too near to another: the least sum of
//! squares, which merging those that meet gives exactly.

use super::layers::{Layers, Node};
use super::{Layout, Line, Link, Point, Size};

/// How often all rows are gone through.
const SWEEPS: usize = 12;
/// How much stands between the borders of two boxes, of a box and a line, of two lines.
const BETWEEN: [f64; 3] = [26.0, 18.0, 12.0];
/// More boxes than this that are joined to the same fill rows. Each stands in the middle of the picture rather than
/// there, and a line does not go where they are: else each row would go farther to the side.
const CROWD: usize = 10;
/// How high the space between two rows is, at least and at most: more, the farther lines go to the side in it.
const SPACE: [f64; 2] = [34.0, 90.0];
const SLOPE: f64 = 0.08;

/// Whose places a node is drawn to.
#[derive(Clone, Copy, PartialEq)]
enum Toward {
    Above,
    Below,
    Both,
}

/// The middle of each node, from the left.
pub(super) fn middles(layers: &Layers) -> Vec<f64> {
    let mut middles = vec![0.0; layers.nodes.len()];
    for row in &layers.rows {
        let wishes = vec![(0.0, 1.0); row.len()];
        settle(layers, row, &wishes, &mut middles);
    }
    for sweep in 0..SWEEPS {
        let toward = match sweep {
            _ if sweep + 2 >= SWEEPS => Toward::Both,
            _ if sweep % 2 == 0 => Toward::Above,
            _ => Toward::Below,
        };
        for step in 0..layers.rows.len() {
            let row = if sweep % 2 == 0 { step } else { layers.rows.len() - 1 - step };
            let row = &layers.rows[row];
            let wishes: Vec<_> = row.iter().map(|&node| wish(layers, node, toward, &middles)).collect();
            settle(layers, row, &wishes, &mut middles);
        }
    }
    middles
}

/// Where a node wants to be, and how much.
fn wish(layers: &Layers, node: usize, toward: Toward, middles: &[f64]) -> (f64, f64) {
    let own = &layers.nodes[node];
    let above: &[usize] = if toward == Toward::Below { &[] } else { &own.above };
    let below: &[usize] = if toward == Toward::Above { &[] } else { &own.below };
    let (mut sum, mut weight, mut crowded) = (0.0, 0.0, false);
    for (others, is_above) in [(above, true), (below, false)] {
        for &other in others {
            let node = &layers.nodes[other];
            let back = if is_above { &node.below } else { &node.above };
            if (own.is_box && back.len() > CROWD) || (!own.is_box && node.is_box && others.len() > CROWD) {
                crowded = true;
                continue;
            }
            let pull = pull(own, node);
            sum += middles[other] * pull;
            weight += pull;
        }
    }
    match weight {
        0.0 if crowded => (0.0, 0.05),
        0.0 => (middles[node], 0.05),
        _ => (sum / weight, weight),
    }
}

fn pull(one: &Node, other: &Node) -> f64 {
    match (one.is_box, other.is_box) {
        (true, true) => 1.0,
        (false, false) => 8.0,
        _ => 2.0,
    }
}

/// How far apart the middles of two neighbours are, at least.
fn apart(one: &Node, other: &Node) -> f64 {
    let between = BETWEEN[usize::from(!one.is_box) + usize::from(!other.is_box)];
    f64::midpoint(one.size.width, other.size.width) + between
}

/// Puts the nodes of a row where they want to be, as far as their neighbours let them.
fn settle(layers: &Layers, row: &[usize], wishes: &[(f64, f64)], middles: &mut [f64]) {
    // Were all as near to each other as they may be, the first at 0, they would stand here.
    let mut packed = Vec::with_capacity(row.len());
    let mut at = 0.0;
    for (index, &node) in row.iter().enumerate() {
        if index > 0 {
            at += apart(&layers.nodes[row[index - 1]], &layers.nodes[node]);
        }
        packed.push(at);
    }
    // Blocks of neighbours that are as near as they may be: where the block stands, how much it wants to, and how many.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::with_capacity(row.len());
    for ((wanted, weight), packed) in wishes.iter().zip(&packed) {
        let mut block = (wanted - packed, *weight, 1);
        while let Some(last) = blocks.pop_if(|last| last.0 >= block.0) {
            let weight = last.1 + block.1;
            block = ((last.0 * last.1 + block.0 * block.1) / weight, weight, last.2 + block.2);
        }
        blocks.push(block);
    }
    let shifts = blocks.into_iter().flat_map(|(shift, _, count)| std::iter::repeat_n(shift, count));
    for ((shift, packed), &node) in shifts.zip(packed).zip(row) {
        middles[node] = shift + packed;
    }
}

/// Everything at its place, with the upper left corner at 0.
pub(super) fn layout(layers: &Layers, middles: &[f64]) -> Layout {
    let left = |(node, middle): (&Node, &f64)| middle - node.size.width / 2.0;
    let right = |(node, middle): (&Node, &f64)| middle + node.size.width / 2.0;
    let all = || layers.nodes.iter().zip(middles);
    let least = all().map(left).fold(f64::INFINITY, f64::min);
    let most = all().map(right).fold(f64::NEG_INFINITY, f64::max);
    if layers.nodes.is_empty() {
        return Layout::default();
    }
    let tops = tops(layers, middles);
    let bottom = |row: usize| tops[row] + height(layers, row);
    let point = |node: usize, y: f64| Point { x: (middles[node] - least).round(), y };
    let line = |piece: &Link, has_head: bool| {
        let (from, to) = (&layers.nodes[piece.from], &layers.nodes[piece.to]);
        Line {
            from: point(piece.from, tops[from.row] + from.size.height),
            leaves: bottom(from.row),
            enters: tops[to.row],
            to: point(piece.to, tops[to.row]),
            is_value: piece.is_value,
            has_head,
        }
    };
    let pieces = layers.pieces.iter().map(|piece| line(piece, layers.nodes[piece.to].is_box));
    let corner = |node: usize| Point {
        x: (middles[node] - least).round() - (layers.nodes[node].size.width / 2.0).round(),
        y: tops[layers.nodes[node].row],
    };
    Layout {
        boxes: (0..layers.boxes).map(corner).collect(),
        lines: pieces.chain(layers.far.iter().map(|far| line(far, true))).collect(),
        size: Size { width: (most - least).ceil() + 1.0, height: bottom(layers.rows.len() - 1) },
    }
}

/// How high a row is.
fn height(layers: &Layers, row: usize) -> f64 {
    layers.rows[row].iter().map(|&node| layers.nodes[node].size.height).fold(0.0, f64::max)
}

/// Where each row begins.
fn tops(layers: &Layers, middles: &[f64]) -> Vec<f64> {
    let mut aside = vec![0.0_f64; layers.rows.len()];
    for piece in &layers.pieces {
        let row = layers.nodes[piece.from].row;
        aside[row] = aside[row].max((middles[piece.from] - middles[piece.to]).abs());
    }
    let mut tops = Vec::with_capacity(aside.len());
    let mut at = 0.0;
    for (row, aside) in aside.iter().enumerate() {
        tops.push(at);
        at += height(layers, row) + (SPACE[0] + SLOPE * aside).min(SPACE[1]).round();
    }
    tops
}
