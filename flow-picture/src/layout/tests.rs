//! What makes a layout a good one, held over graphs of many shapes: nothing overlaps, all goes down, no line runs
//! through a box, and each line comes from where it should.

use std::collections::BTreeSet;

use super::{Layout, Line, Link, Point, Size, layout, real};

/// Numbers that look random, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

fn value(from: usize, to: usize) -> Link {
    Link { from, to, is_value: true }
}

fn random_graph(seed: u64) -> (Vec<Size>, Vec<Link>) {
    let mut random = Random(seed);
    let count = 1 + random.below(60);
    let size =
        |random: &mut Random| Size { width: real(40 + 2 * random.below(80)), height: real(30 + random.below(90)) };
    let sizes = (0..count).map(|_| size(&mut random)).collect();
    let mut links = BTreeSet::new();
    for _ in 0..random.below(3 * count) {
        let (from, to) = (random.below(count), random.below(count));
        if from < to {
            links.insert((from, to, random.below(5) > 0));
        }
    }
    let mut pairs = BTreeSet::new();
    let links = links.into_iter().filter(|(from, to, _)| pairs.insert((*from, *to)));
    (sizes, links.map(|(from, to, is_value)| Link { from, to, is_value }).collect())
}

/// Graphs of the shapes that workflows have, and of some that they have not.
fn graphs() -> Vec<(Vec<Size>, Vec<Link>)> {
    let same = |count| vec![Size { width: 100.0, height: 40.0 }; count];
    let mut graphs: Vec<_> = (0..60).map(random_graph).collect();
    graphs.push((Vec::new(), Vec::new()));
    graphs.push((same(1), Vec::new()));
    graphs.push((same(50), (1..50).map(|to| value(to - 1, to)).collect()));
    graphs.push((same(50), (1..49).flat_map(|middle| [value(0, middle), value(middle, 49)]).collect()));
    graphs.push((
        same(90),
        (30..90).flat_map(|to| [value(to - 30, to), value((to / 30 - 1) * 30 + to * 7 % 30, to)]).collect(),
    ));
    graphs.push((same(60), Vec::new()));
    graphs
}

struct Drawn {
    sizes: Vec<Size>,
    links: Vec<Link>,
    layout: Layout,
}

fn hold(rule: impl Fn(&Drawn)) {
    for (sizes, links) in graphs() {
        let layout = layout(&sizes, &links);
        rule(&Drawn { sizes, links, layout });
    }
}

impl Drawn {
    /// The corners of each box.
    fn boxes(&self) -> impl Iterator<Item = (Point, Point)> {
        let corners = |(at, size): (&Point, &Size)| (*at, Point { x: at.x + size.width, y: at.y + size.height });
        self.layout.boxes.iter().zip(&self.sizes).map(corners)
    }

    /// Where a line leaves a box, and where one comes to it.
    fn out_of(&self, index: usize) -> Point {
        let (at, size) = (self.layout.boxes[index], self.sizes[index]);
        Point { x: at.x + size.width / 2.0, y: at.y + size.height }
    }

    fn into(&self, index: usize) -> Point {
        let (at, size) = (self.layout.boxes[index], self.sizes[index]);
        Point { x: at.x + size.width / 2.0, y: at.y }
    }
}

#[test]
fn no_box_stands_on_another_or_outside() {
    hold(|drawn| {
        let boxes: Vec<_> = drawn.boxes().collect();
        for (index, (a, a_end)) in boxes.iter().enumerate() {
            assert!(a.x >= 0.0 && a.y >= 0.0, "{a:?}");
            assert!(a_end.x <= drawn.layout.size.width && a_end.y <= drawn.layout.size.height, "{a_end:?}");
            for (b, b_end) in &boxes[index + 1..] {
                let apart =
                    a_end.x + 20.0 < b.x || b_end.x + 20.0 < a.x || a_end.y + 20.0 < b.y || b_end.y + 20.0 < a.y;
                assert!(apart, "{a:?} to {a_end:?} and {b:?} to {b_end:?}");
            }
        }
    });
}

#[test]
fn each_box_is_below_what_it_comes_after() {
    hold(|drawn| {
        for link in &drawn.links {
            assert!(drawn.out_of(link.from).y < drawn.into(link.to).y, "{link:?}");
        }
    });
}

#[test]
fn no_line_runs_through_a_box() {
    hold(|drawn| {
        for (at, end) in drawn.boxes() {
            let is_in = |x: f64, top: f64, bottom: f64| at.x < x && x < end.x && at.y < bottom && top < end.y;
            for Line { from, leaves, enters, to, .. } in &drawn.layout.lines {
                assert!(!is_in(from.x, from.y, *leaves) && !is_in(to.x, *enters, to.y), "{from:?} to {to:?}");
                // What goes to the side does so between rows.
                assert!(end.y <= *leaves || *enters <= at.y, "{leaves} to {enters} beside {at:?} to {end:?}");
            }
        }
    });
}

#[test]
fn a_line_leads_from_each_box_to_those_that_come_after_it() {
    hold(|drawn| {
        let key = |point: Point| (point.x.to_bits(), point.y.to_bits());
        for is_value in [true, false] {
            for from in 0..drawn.sizes.len() {
                let (mut ends, mut reached) = (vec![drawn.out_of(from)], BTreeSet::new());
                while let Some(end) = ends.pop() {
                    let goes_on = |line: &&Line| line.is_value == is_value && key(line.from) == key(end);
                    for line in drawn.layout.lines.iter().filter(goes_on) {
                        if line.has_head {
                            reached.insert(key(line.to));
                        } else {
                            ends.push(line.to);
                        }
                    }
                }
                let linked = drawn.links.iter().filter(|link| link.from == from && link.is_value == is_value);
                let expected: BTreeSet<_> = linked.map(|link| key(drawn.into(link.to))).collect();
                assert_eq!(reached, expected, "from {from}");
            }
        }
    });
}

#[test]
fn long_lines_of_a_box_run_together() {
    // One box whose value all others use, which follow each other.
    let count = 40;
    let links: Vec<Link> =
        (1..count).flat_map(|to| [value(0, to), value(to - 1, to)]).collect::<BTreeSet<_>>().into_iter().collect();
    let drawn = layout(&vec![Size { width: 100.0, height: 40.0 }; count], &links);
    let passing = drawn.lines.iter().filter(|line| !line.has_head).count();
    assert_eq!(passing, count - 2, "one piece for each row that is passed");
}

#[test]
fn few_lines_cross_where_none_must() {
    // Two trees whose boxes were written in turns.
    let links: Vec<Link> = (2..14).map(|to| value((to - 2) / 2 / 2 * 2 + to % 2, to)).collect();
    let drawn = layout(&[Size { width: 60.0, height: 30.0 }; 14], &links);
    let crossed = |a: &Line, b: &Line| {
        let same_rows = (a.leaves - b.leaves).abs() < 0.5;
        same_rows && (a.from.x - b.from.x) * (a.to.x - b.to.x) < 0.0
    };
    let pairs =
        drawn.lines.iter().enumerate().flat_map(|(index, a)| drawn.lines[index + 1..].iter().map(move |b| (a, b)));
    assert_eq!(pairs.filter(|(a, b)| crossed(a, b)).count(), 0);
}

#[test]
fn a_row_of_many_is_broken() {
    // Beside each other; and between two, whose lines pass all rows.
    let between = (1..999).flat_map(|middle| [value(0, middle), value(middle, 999)]).collect();
    for links in [Vec::new(), between] {
        let drawn = layout(&vec![Size { width: 100.0, height: 40.0 }; 1_000], &links);
        let Size { width, height } = drawn.size;
        assert!(width < 6_000.0 && height < 6_000.0, "{width} x {height}");
    }
}

/// It takes milliseconds with optimization; the bound is for a loaded machine without.
#[test]
fn a_thousand_boxes_are_soon_laid_out() {
    let chain = |to: usize| vec![value(to - 1, to)];
    let wide = |to: usize| if to == 999 { (1..999).map(|from| value(from, to)).collect() } else { vec![value(0, to)] };
    let layered = |to: usize| vec![value(to.saturating_sub(20), to), value(to.saturating_sub(13 + to % 7), to)];
    // The value of each is used long after: there are more points on lines than any picture has boxes.
    let far = |to: usize| vec![value(to - 1, to), value(to / 2, to), value(to.saturating_sub(500), to)];
    let shapes: [&dyn Fn(usize) -> Vec<Link>; 4] = [&chain, &wide, &layered, &far];
    for shape in shapes {
        let links: BTreeSet<Link> = (1..1_000).flat_map(shape).collect();
        let begun = std::time::Instant::now();
        let drawn = layout(&vec![Size { width: 100.0, height: 40.0 }; 1_000], &links.into_iter().collect::<Vec<_>>());
        assert_eq!(drawn.boxes.len(), 1_000);
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    }
}

#[test]
fn a_graph_that_is_too_large_is_still_drawn() {
    let count = 4_000;
    let links = (1..count).flat_map(|to| [value(to - 1, to), value(to.saturating_sub(2_000), to)]);
    let links: Vec<Link> = links.collect::<BTreeSet<_>>().into_iter().collect();
    let drawn = layout(&vec![Size { width: 100.0, height: 40.0 }; count], &links);
    assert!(drawn.lines.len() < 80_000, "{}", drawn.lines.len());
    let heads = drawn.lines.iter().filter(|line| line.has_head).count();
    assert!(heads >= links.len(), "each link comes to its box: {heads} of {}", links.len());
}
