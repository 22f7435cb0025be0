//! A picture → where everything stands. Regions are laid out from the inside out, each as a box of the one around it, so
//! nothing of one region can stand in another; then all get their places, from the outside in.

use std::collections::BTreeMap;

use crate::boxes::{self, SIDE};
use crate::layout::{Layout, Line, Link, Point, Size, layout};
use crate::{Kind, Picture};

/// What stands around all.
const MARGIN: f64 = 16.0;
/// What stands between regions that one step opens, and between the last of them and its border.
const BETWEEN: f64 = 12.0;
/// Arms go into the next row rather than to be wider than this together.
const WIDEST: f64 = 1_400.0;
/// What a region without steps takes.
const EMPTY: Size = Size { width: 44.0, height: 20.0 };

/// A rectangle of the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Frame {
    pub(crate) at: Point,
    pub(crate) size: Size,
}

/// Where everything stands.
pub(crate) struct Scene {
    pub(crate) size: Size,
    /// `None` for what belongs nowhere.
    pub(crate) steps: Vec<Option<Frame>>,
    pub(crate) regions: Vec<Option<Frame>>,
    /// The lines of each region.
    pub(crate) lines: Vec<Vec<Line>>,
    /// The steps of each region.
    pub(crate) inside: Vec<Vec<usize>>,
    /// Whether each region is one that the run did not go into, or stands in one.
    pub(crate) pale: Vec<bool>,
}

/// Which step stands where.
struct Nesting {
    /// The steps of each region.
    steps: Vec<Vec<usize>>,
    /// The regions that each step opens.
    opened: Vec<Vec<usize>>,
    /// The place of each step among those of its region; `None` for a step that belongs nowhere.
    places: Vec<Option<usize>>,
    /// Whether each region is drawn.
    drawn: Vec<bool>,
}

impl Nesting {
    fn new(picture: &Picture) -> Self {
        let mut nesting = Self {
            steps: vec![Vec::new(); picture.regions.len()],
            opened: vec![Vec::new(); picture.steps.len()],
            places: vec![None; picture.steps.len()],
            drawn: vec![false; picture.regions.len()],
        };
        let mut inside = vec![Vec::new(); picture.regions.len()];
        for (index, step) in picture.steps.iter().enumerate() {
            if let Some(steps) = inside.get_mut(step.region) {
                steps.push(index);
            }
        }
        for (index, region) in picture.regions.iter().enumerate() {
            // A region stands behind the one around it, and that must belong somewhere itself.
            let parent = region.parent.filter(|&parent| nesting.places.get(parent).is_some_and(Option::is_some));
            if (index == 0) != region.parent.is_none() || (index > 0 && parent.is_none()) {
                continue;
            }
            if let Some(parent) = parent {
                nesting.opened[parent].push(index);
            }
            for (place, &step) in inside[index].iter().enumerate() {
                nesting.places[step] = Some(place);
            }
            nesting.steps[index].clone_from(&inside[index]);
            nesting.drawn[index] = true;
        }
        nesting
    }

    /// The step itself, or what it stands in, that is in the same region as another that it comes after.
    fn beside(picture: &Picture, from: usize, mut to: usize) -> Option<usize> {
        let home = picture.steps.get(from)?.region;
        while picture.steps[to].region != home {
            to = picture.regions[picture.steps[to].region].parent?;
        }
        Some(to)
    }

    /// What follows what in each region.
    fn links(&self, picture: &Picture) -> Vec<Vec<Link>> {
        let mut found: Vec<BTreeMap<(usize, usize), bool>> = vec![BTreeMap::new(); picture.regions.len()];
        for (index, step) in picture.steps.iter().enumerate().filter(|(index, _)| self.places[*index].is_some()) {
            for edge in &step.edges {
                let Some(to) = Self::beside(picture, edge.from, index) else { continue };
                if let (Some(from), Some(to)) = (self.places[edge.from], self.places[to])
                    && from < to
                {
                    *found[picture.steps[edge.from].region].entry((from, to)).or_default() |= edge.is_value;
                }
            }
        }
        let links = |found: BTreeMap<(usize, usize), bool>| {
            found.into_iter().map(|((from, to), is_value)| Link { from, to, is_value }).collect()
        };
        found.into_iter().map(links).collect()
    }
}

/// What is known of the picture while it is put together.
struct Builder<'p> {
    picture: &'p Picture,
    nesting: Nesting,
    /// The layout of each region, without its label.
    layouts: Vec<Layout>,
    /// Each region from the corner of the step that opens it.
    regions: Vec<Frame>,
    sizes: Vec<Size>,
}

/// The places of all that is drawn.
pub(crate) fn arrange(picture: &Picture) -> Scene {
    let nesting = Nesting::new(picture);
    let links = nesting.links(picture);
    let mut builder = Builder {
        picture,
        nesting,
        layouts: vec![Layout::default(); picture.regions.len()],
        regions: vec![Frame::default(); picture.regions.len()],
        sizes: vec![Size::default(); picture.steps.len()],
    };
    for region in (0..picture.regions.len()).rev() {
        builder.lay_out(region, &links[region]);
    }
    builder.scene()
}

impl Builder<'_> {
    /// Lays out a region; those in it are laid out.
    fn lay_out(&mut self, region: usize, links: &[Link]) {
        let steps = std::mem::take(&mut self.nesting.steps[region]);
        for &step in &steps {
            self.sizes[step] = self.step_size(step);
        }
        let sizes: Vec<Size> = steps.iter().map(|&step| self.sizes[step]).collect();
        self.layouts[region] = layout(&sizes, links);
        self.nesting.steps[region] = steps;
    }

    /// The size of a step, with the regions that it opens, which get their places in it.
    fn step_size(&mut self, step: usize) -> Size {
        let header = boxes::size(&self.picture.steps[step]);
        if self.nesting.opened[step].is_empty() {
            return header;
        }
        let (mut right, mut y) = (header.width, header.height);
        for row in self.rows(step) {
            let high = row.iter().map(|&region| self.regions[region].size.height).fold(0.0, f64::max);
            let mut x = BETWEEN;
            for region in row {
                let frame = &mut self.regions[region];
                frame.at = Point { x, y };
                frame.size.height = high;
                x += frame.size.width + BETWEEN;
            }
            right = right.max(x);
            y += high + BETWEEN;
        }
        self.widen_only(step, right);
        Size { width: (right / 2.0).ceil() * 2.0, height: y }
    }

    /// The regions of a step, with their sizes, in as many rows as they need.
    fn rows(&mut self, step: usize) -> Vec<Vec<usize>> {
        let (mut rows, mut wide) = (vec![Vec::new()], 0.0);
        for &region in &self.nesting.opened[step] {
            let size = self.region_size(region);
            self.regions[region].size = size;
            if wide > 0.0 && wide + size.width > WIDEST {
                rows.push(Vec::new());
                wide = 0.0;
            }
            wide += size.width + BETWEEN;
            if let Some(row) = rows.last_mut() {
                row.push(region);
            }
        }
        rows
    }

    /// Gives the room that a wide header leaves to a region that has the step for itself.
    fn widen_only(&mut self, step: usize, right: f64) {
        if let [only] = self.nesting.opened[step].as_slice() {
            self.regions[*only].size.width = right - 2.0 * BETWEEN;
        }
    }

    /// The size of a region, with its label and what stands around its steps.
    fn region_size(&self, region: usize) -> Size {
        let inner = self.inner_size(region);
        let label = self.label_size(region);
        Size {
            width: label.width.max(inner.width + 2.0 * SIDE),
            height: label.height + inner.height + if label.height > 0.0 { BETWEEN } else { 0.0 },
        }
    }

    fn inner_size(&self, region: usize) -> Size {
        if self.nesting.steps[region].is_empty() { EMPTY } else { self.layouts[region].size }
    }

    /// Only the arms of a branch have labels.
    fn label_size(&self, region: usize) -> Size {
        let is_arm = |parent: usize| self.picture.steps.get(parent).is_some_and(|step| step.kind == Kind::Branch);
        let region = &self.picture.regions[region];
        if region.parent.is_some_and(is_arm) { boxes::label_size(&region.label) } else { Size::default() }
    }

    /// Gives all their places, from the outside in.
    fn scene(mut self) -> Scene {
        let picture = self.picture;
        let mut scene = Scene {
            size: Size { width: 2.0 * MARGIN, height: 2.0 * MARGIN },
            steps: vec![None; picture.steps.len()],
            regions: vec![None; picture.regions.len()],
            lines: vec![Vec::new(); picture.regions.len()],
            inside: Vec::new(),
            pale: vec![false; picture.regions.len()],
        };
        for index in 0..picture.regions.len() {
            if !self.nesting.drawn[index] {
                continue;
            }
            let region = &picture.regions[index];
            let around = region.parent.map(|parent| picture.steps[parent].region);
            scene.pale[index] = region.is_pale || around.is_some_and(|around| scene.pale[around]);
            let frame = match region.parent {
                Some(parent) => {
                    let within = self.regions[index];
                    let at = scene.steps[parent].map_or_else(Point::default, |step| step.at);
                    Frame { at: moved(within.at, at), size: within.size }
                }
                None => self.whole(&mut scene.size),
            };
            scene.regions[index] = Some(frame);
            self.place(index, frame, &mut scene);
        }
        scene.inside = self.nesting.steps;
        scene
    }

    /// The frame of the workflow itself, and the size of the picture.
    fn whole(&self, size: &mut Size) -> Frame {
        let title = boxes::title_size(&self.picture.title, &self.picture.note);
        let inner = self.inner_size(0);
        let width = inner.width.max(title.width);
        *size = Size { width: width + 2.0 * MARGIN, height: title.height + inner.height + 2.0 * MARGIN };
        Frame { at: Point { x: MARGIN, y: MARGIN + title.height }, size: Size { width, height: inner.height } }
    }

    /// Gives the steps of a region and its lines their places in its frame.
    fn place(&mut self, region: usize, frame: Frame, scene: &mut Scene) {
        let layout = std::mem::take(&mut self.layouts[region]);
        let aside = if region == 0 { 0.0 } else { (frame.size.width - layout.size.width) / 2.0 };
        let corner = Point { x: frame.at.x + aside.floor().max(0.0), y: frame.at.y + self.label_size(region).height };
        for (&step, at) in self.nesting.steps[region].iter().zip(&layout.boxes) {
            scene.steps[step] = Some(Frame { at: moved(*at, corner), size: self.sizes[step] });
        }
        let line = |line: &Line| Line {
            from: moved(line.from, corner),
            leaves: line.leaves + corner.y,
            enters: line.enters + corner.y,
            to: moved(line.to, corner),
            ..*line
        };
        scene.lines[region] = layout.lines.iter().map(line).collect();
    }
}

fn moved(point: Point, by: Point) -> Point {
    Point { x: point.x + by.x, y: point.y + by.y }
}
