//! A step → the lines of text in its box, and how much room they take.

use crate::layout::{Size, real};
use crate::words::{columns, cut};
use crate::{Kind, Step};

/// What stands left and right of text.
pub(crate) const SIDE: f64 = 14.0;
/// What stands over and under it.
const ABOVE: f64 = 8.0;
const BELOW: f64 = 9.0;
/// The height of a line with a name, and of a smaller one.
const NAME: f64 = 17.0;
const SMALL: f64 = 15.0;
/// The width of a column, in the size of names and in the smaller one: 0.6 of the size, and a little for fonts that are
/// wider.
const NAME_COLUMN: f64 = 7.9;
const SMALL_COLUMN: f64 = 6.7;
/// The most columns of a name, of what is written under it, and of a label.
const NAME_COLUMNS: usize = 40;
const SMALL_COLUMNS: usize = 52;

/// How a line of text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A step's name.
    Name,
    /// What is written under it.
    Detail,
    /// How the step stands.
    Note,
}

/// A line of text, by what is in it and how far its middle is below the upper border of its box.
pub(crate) struct Text {
    pub(crate) style: Style,
    /// What is written before it in another weight: what kind of step this is.
    pub(crate) keyword: &'static str,
    pub(crate) words: String,
    pub(crate) y: f64,
}

/// The lines of a step, from the top.
pub(crate) fn lines(step: &Step) -> Vec<Text> {
    let mut lines = Vec::new();
    let mut bottom = ABOVE;
    let mut add = |style, keyword, text: String| {
        let height = if style == Style::Name { NAME } else { SMALL };
        lines.push(Text { style, keyword, words: text, y: bottom + height / 2.0 });
        bottom += height;
    };
    add(Style::Name, keyword(step.kind), cut(&step.id, NAME_COLUMNS));
    if !step.details.is_empty() {
        add(Style::Detail, "", cut(&step.details.join(" · "), SMALL_COLUMNS));
    }
    if let Some(mark) = &step.mark {
        add(Style::Note, "", cut(&mark.note, SMALL_COLUMNS));
    }
    lines
}

/// What stands before the name of a step that opens regions.
fn keyword(kind: Kind) -> &'static str {
    match kind {
        Kind::Call | Kind::Wait => "",
        Kind::Branch => "match",
        Kind::Each => "for each",
        Kind::Sub => "workflow",
    }
}

/// How much room the lines of a step take.
pub(crate) fn size(step: &Step) -> Size {
    let lines = lines(step);
    let width = lines.iter().map(width).fold(48.0, f64::max);
    let heights = lines.iter().map(|line| if line.style == Style::Name { NAME } else { SMALL });
    Size { width: even(width + 2.0 * SIDE), height: ABOVE + heights.sum::<f64>() + BELOW }
}

fn width(line: &Text) -> f64 {
    // A dot in the colour of the status stands before a note.
    let dot = if line.style == Style::Note { DOT } else { 0.0 };
    let column = if line.style == Style::Name { NAME_COLUMN } else { SMALL_COLUMN };
    let keyword = if line.keyword.is_empty() { 0 } else { columns(line.keyword) + 1 };
    dot + wide(keyword + columns(&line.words), column)
}

/// What the dot before a note takes.
pub(crate) const DOT: f64 = 13.0;

/// The label of a region as it is drawn.
pub(crate) fn label(text: &str) -> String {
    cut(text, SMALL_COLUMNS)
}

/// How much room a label takes. It has its place also where nothing is written.
pub(crate) fn label_size(text: &str) -> Size {
    Size { width: even(wide(columns(&label(text)), SMALL_COLUMN) + 2.0 * SIDE), height: ABOVE + SMALL + 4.0 }
}

/// How much room the workflow's name takes, with what stands beside it.
pub(crate) fn title_size(title: &str, note: &str) -> Size {
    Size { width: wide(columns(title) + 2, TITLE_COLUMN) + wide(columns(note), SMALL_COLUMN), height: 34.0 }
}

/// The width of a column of the title, and how many of title and note there are at most.
pub(crate) const TITLE_COLUMN: f64 = 9.1;
pub(crate) const TITLE_COLUMNS: usize = 60;
pub(crate) const NOTE_COLUMNS: usize = 120;

fn wide(columns: usize, column: f64) -> f64 {
    real(columns) * column
}

/// A whole number that has a whole half.
fn even(width: f64) -> f64 {
    (width / 2.0).ceil() * 2.0
}
