//! Rows. In: boxes and links. Out: a row for each box, and a point for each row that a long line passes.
//!
//! Long lines that come from the same box run together until they part, and those that go to the same box from where
//! they meet; so a box with a thousand successors has one line that passes a row, not hundreds.

use super::{Link, Size};

/// The most points on lines. Behind it long lines go straight, over whatever is in their way: such a graph is too large
/// to be looked at, but still drawn.
const MOST_POINTS: usize = 50_000;
/// A region is not made narrower than this by giving it more rows.
const LEAST_WIDTH: f64 = 1_200.0;
/// What a row takes in height, on average, and how much wider than high a region should be.
const ROW: f64 = 80.0;
const ASPECT: f64 = 1.6;
/// What stands beside a box, about.
const GAP: f64 = 24.0;

/// A box, or a point on a line, in a row.
pub(super) struct Node {
    pub(super) row: usize,
    /// Nothing for a point.
    pub(super) size: Size,
    pub(super) is_box: bool,
    /// What it is joined to in the row above, and in the row below.
    pub(super) above: Vec<usize>,
    pub(super) below: Vec<usize>,
}

/// The boxes, which come first, and the points in rows, with the pieces of line between them.
pub(super) struct Layers {
    pub(super) nodes: Vec<Node>,
    pub(super) rows: Vec<Vec<usize>>,
    /// From a row to the next.
    pub(super) pieces: Vec<Link>,
    /// Over many rows at once.
    pub(super) far: Vec<Link>,
    pub(super) boxes: usize,
}

impl Layers {
    pub(super) fn new(sizes: &[Size], links: &[Link]) -> Self {
        let mut layers =
            Self { nodes: Vec::new(), rows: Vec::new(), pieces: Vec::new(), far: Vec::new(), boxes: sizes.len() };
        for (row, size) in rows(sizes, links).into_iter().zip(sizes) {
            layers.add(row, *size, true);
        }
        let long = links.iter().filter(|link| layers.rows_passed(link) > 0).copied().collect::<Vec<_>>();
        let short = links.iter().filter(|link| layers.rows_passed(link) == 0).copied().collect::<Vec<_>>();
        short.into_iter().for_each(|link| layers.join(link));
        layers.draw_long(&long);
        layers
    }

    fn add(&mut self, row: usize, size: Size, is_box: bool) -> usize {
        let index = self.nodes.len();
        self.nodes.push(Node { row, size, is_box, above: Vec::new(), below: Vec::new() });
        if self.rows.len() <= row {
            self.rows.resize_with(row + 1, Vec::new);
        }
        self.rows[row].push(index);
        index
    }

    fn join(&mut self, piece: Link) {
        self.nodes[piece.from].below.push(piece.to);
        self.nodes[piece.to].above.push(piece.from);
        self.pieces.push(piece);
    }

    /// How many rows are between the two.
    fn rows_passed(&self, link: &Link) -> usize {
        (self.nodes[link.to].row - self.nodes[link.from].row).saturating_sub(1)
    }

    fn draw_long(&mut self, long: &[Link]) {
        let style = |link: &Link| usize::from(link.is_value);
        let (mut leaving, mut coming) = (vec![[0_u32; 2]; self.boxes], vec![[0_u32; 2]; self.boxes]);
        for link in long {
            leaving[link.from][style(link)] += 1;
            coming[link.to][style(link)] += 1;
        }
        // The points of the lines from and to each box, from the row that is next to it on.
        let mut from: Vec<[Vec<usize>; 2]> = vec![[const { Vec::new() }; 2]; self.boxes];
        let mut to = from.clone();
        for link in long {
            if self.nodes.len() - self.boxes > MOST_POINTS {
                self.far.push(*link);
            } else if leaving[link.from][style(link)] >= coming[link.to][style(link)] {
                self.follow(link, &mut from[link.from][style(link)]);
            } else {
                self.meet(link, &mut to[link.to][style(link)]);
            }
        }
    }

    /// Draws a line that runs with others from the same box, through these points, as far as it can.
    fn follow(&mut self, link: &Link, points: &mut Vec<usize>) {
        let (first, passed) = (self.nodes[link.from].row + 1, self.rows_passed(link));
        for row in first + points.len()..first + passed {
            let point = self.add(row, Size::default(), false);
            let from = points.last().copied().unwrap_or(link.from);
            self.join(Link { from, to: point, is_value: link.is_value });
            points.push(point);
        }
        self.join(Link { from: points[passed - 1], ..*link });
    }

    /// Draws a line that runs with others to the same box, through these points, as early as it can.
    fn meet(&mut self, link: &Link, points: &mut Vec<usize>) {
        let (end, passed) = (self.nodes[link.to].row, self.rows_passed(link));
        for row in (end - passed..end - points.len()).rev() {
            let point = self.add(row, Size::default(), false);
            let to = points.last().copied().unwrap_or(link.to);
            self.join(Link { from: point, to, is_value: link.is_value });
            points.push(point);
        }
        self.join(Link { to: points[passed - 1], ..*link });
    }
}

/// The row of each box: the first below all that it comes after in which there is room.
fn rows(sizes: &[Size], links: &[Link]) -> Vec<usize> {
    let all: f64 = sizes.iter().map(|size| size.width + GAP).sum();
    let widest = (all * ROW * ASPECT).sqrt().max(LEAST_WIDTH);
    let mut before = vec![Vec::new(); sizes.len()];
    for link in links {
        before[link.to].push(link.from);
    }
    let (mut rows, mut widths) = (Vec::<usize>::with_capacity(sizes.len()), Vec::<f64>::new());
    for (size, before) in sizes.iter().zip(&before) {
        let mut row = before.iter().map(|&before| rows[before] + 1).max().unwrap_or(0);
        let width = size.width + GAP;
        while widths.get(row).is_some_and(|taken| *taken > 0.0 && taken + width > widest) {
            row += 1;
        }
        if widths.len() <= row {
            widths.resize(row + 1, 0.0);
        }
        widths[row] += width;
        rows.push(row);
    }
    rows
}
