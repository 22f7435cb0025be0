//! Pictures: for each class a point for each engine and shape, with its quartiles, on a logarithmic axis.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use harness::case::{Class, Kind};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::digits::{power, short, time};
use super::markdown::title;
use crate::group::{Group, Measured};
use crate::origin::Origin;

const WIDTH: u32 = 960;
const LINE: i32 = 18;
const HEAD: i32 = 60;
const FOOT: i32 = 40;
/// Where names end and where points end; where times end and where ratios end.
const LEFT: i32 = 240;
const RIGHT: i32 = 760;
const TIMES: i32 = 850;
const RATIOS: i32 = 930;

const INK: RGBColor = RGBColor(40, 44, 52);
const PALE: RGBColor = RGBColor(225, 228, 232);
const BY_HAND: RGBColor = RGBColor(130, 136, 145);
const FLOW: RGBColor = RGBColor(200, 60, 30);
const PEER: RGBColor = RGBColor(40, 100, 170);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The name of the picture of a class.
pub(super) fn file_name(class: Class) -> &'static str {
    match class {
        Class::None => "in-memory.svg",
        Class::Kill => "kill.svg",
        Class::PowerLoss => "power-loss.svg",
    }
}

/// Draws the classes that were measured, on two threads, into a folder.
pub(crate) fn draw(folder: &Path, origin: &Origin, groups: &[Group]) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for class in [Class::None, Class::Kill, Class::PowerLoss] {
        let of_class = |group: &&Group| group.class == class && group.threads == 2 && group.measured().next().is_some();
        let groups: Vec<&Group> = groups.iter().filter(of_class).collect();
        if !groups.is_empty() {
            let path = folder.join(file_name(class));
            let origin = format!("{}, {}, {} cores, {}", origin.date, origin.cpu, origin.cores, origin.commit);
            // The error of a drawing is that of its file.
            picture(&path, class, &origin, &groups).map_err(|error| anyhow!("{}: {error}", path.display()))?;
        }
    }
    Ok(())
}

/// The axis: from nanoseconds to places.
struct Axis {
    from: f64,
    to: f64,
}

impl Axis {
    /// Whole powers of ten around all figures.
    fn of(groups: &[&Group]) -> Self {
        let cases = || groups.iter().flat_map(|group| group.measured());
        let least = cases().map(|case| case.quartile(1)).fold(f64::INFINITY, f64::min);
        let most = cases().map(|case| case.quartile(3)).fold(0.0, f64::max);
        Self { from: least.max(1.0).log10().floor(), to: most.max(10.0).log10().ceil() }
    }

    fn place(&self, nanos: f64) -> i32 {
        let part = (nanos.max(1.0).log10() - self.from) / (self.to - self.from);
        LEFT + (part * f64::from(RIGHT - LEFT)) as i32
    }

    fn decades(&self) -> impl Iterator<Item = f64> {
        (self.from as i32..=self.to as i32).map(|power| 10_f64.powi(power))
    }
}

fn picture(path: &Path, class: Class, origin: &str, groups: &[&Group]) -> Result<(), Box<dyn std::error::Error>> {
    let lines: i32 = groups.iter().map(|group| group.measured().fold(2, |lines, _| lines + 1)).sum();
    let height = HEAD + LINE * lines + FOOT;
    let area = SVGBackend::new(path, (WIDTH, height.cast_unsigned())).into_drawing_area();
    area.fill(&WHITE)?;
    write(&area, (20, 24), 18, INK, HPos::Left, &format!("{}: time per step", title(class)))?;
    let axis = Axis::of(groups);
    for nanos in axis.decades() {
        let (x, bottom) = (axis.place(nanos), height - FOOT);
        area.draw(&PathElement::new(vec![(x, HEAD), (x, bottom)], PALE))?;
        write(&area, (x, HEAD - 10), 11, BY_HAND, HPos::Center, &power(nanos))?;
    }
    let mut y = HEAD + LINE;
    for group in groups {
        write(&area, (20, y), 13, INK, HPos::Left, &group.shape)?;
        for case in group.measured() {
            y += LINE;
            point(&area, &axis, y, case, group.limit())?;
        }
        y += 2 * LINE;
    }
    let words = "point: median, line: quartiles, ×: as a multiple of the first by hand. ";
    write(&area, (20, height - 16), 11, BY_HAND, HPos::Left, &format!("{words}{origin}"))?;
    area.present()?;
    Ok(())
}

fn point(
    area: &Area<'_>,
    axis: &Axis,
    y: i32,
    case: &Measured,
    limit: Option<&Measured>,
) -> Result<(), Box<dyn std::error::Error>> {
    let engine = &case.entry.engine;
    let colour = match case.entry.kind {
        Kind::ByHand => BY_HAND,
        Kind::Flow => FLOW,
        Kind::Peer => PEER,
    };
    write(area, (LEFT - 12, y), 12, colour, HPos::Right, engine)?;
    let [q1, median, q3] = [1, 2, 3].map(|which| axis.place(case.quartile(which)));
    area.draw(&PathElement::new(vec![(q1, y), (q3, y)], colour.stroke_width(2)))?;
    area.draw(&Circle::new((median, y), 4, colour.filled()))?;
    write(area, (TIMES, y), 12, colour, HPos::Right, &time(case.median()))?;
    match limit {
        Some(limit) => write(area, (RATIOS, y), 12, colour, HPos::Right, &format!("{} ×", short(case.ratio_to(limit)))),
        None => Ok(()),
    }
}

fn write(
    area: &Area<'_>,
    at: (i32, i32),
    size: i32,
    colour: RGBColor,
    anchor: HPos,
    text: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let style = ("sans-serif", size).into_font().color(&colour).pos(Pos::new(anchor, VPos::Center));
    area.draw(&Text::new(text.to_owned(), at, style))?;
    Ok(())
}
