//! Boxes and what follows what → places. One region at a time, in the layered way of Sugiyama: each box in a row below
//! all that it comes after, few crossings, and lines that run between the boxes of the rows that they pass.
//!
//! Written here because of what there is on crates.io (November 2026) none draws a thousand steps in layers within a
//! second, and each brings more code for the macros to wait for than this.

mod layers;
mod order;
mod place;

use self::layers::Layers;

/// A place, from the upper left corner.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// How large something is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Size {
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// That one box comes after another. Boxes are numbered such that `from` is smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Link {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) is_value: bool,
}

/// A piece of a line, from one row to the next: straight down to `leaves`, over to the other side until `enters`, and
/// straight down again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) from: Point,
    pub(crate) leaves: f64,
    pub(crate) enters: f64,
    pub(crate) to: Point,
    pub(crate) is_value: bool,
    /// Whether it ends at a box.
    pub(crate) has_head: bool,
}

/// Where everything of a region stands, from its upper left corner.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Layout {
    pub(crate) boxes: Vec<Point>,
    pub(crate) lines: Vec<Line>,
    pub(crate) size: Size,
}

/// The layout of boxes of these sizes.
pub(crate) fn layout(sizes: &[Size], links: &[Link]) -> Layout {
    let mut layers = Layers::new(sizes, links);
    order::untangle(&mut layers);
    let middles = place::middles(&layers);
    place::layout(&layers, &middles)
}

/// A count to be reckoned with. No picture has so much of anything that a count is not exact.
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
pub(crate) const fn real(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
