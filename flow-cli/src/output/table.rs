//! Tables: columns without lines around them, for eyes and for `grep`.
//!
//! In: cells as they stand in a store, each with a tone. Out: text in which every cell is escaped, with colours if there
//! are to be some. On a terminal it is as wide as that, elsewhere as wide as its content.

use comfy_table::{Attribute, Color, ContentArrangement, presets};

use super::escape::shortened;

/// The most characters of a cell, and of one that is only to be recognised.
const MOST: usize = 400;
const SHORT: usize = 60;
/// The narrowest terminal to whose width tables are fitted, in columns.
const NARROWEST: u16 = 40;

/// Rows of cells below a header, or without one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

/// A text and how it is to be seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
    most: usize,
}

/// How a text is to be seen, where there are colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Good,
    Bad,
    Busy,
    Waiting,
    Faint,
    Strong,
}

impl Table {
    /// A table with these columns.
    pub(crate) fn new<const N: usize>(header: [&'static str; N]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.to_vec());
    }

    /// Whether it has no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines of the table.
    pub(super) fn rendered(&self, colour: bool) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        // One that is narrower, or does not say how wide it is, would make columns of single letters.
        if table.width().is_some_and(|width| width >= NARROWEST) {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        if colour {
            // Whether there are colours is decided; neither the terminal nor the environment is asked again.
            crossterm::style::force_color_output(true);
            table.enforce_styling();
        }
        if !self.header.is_empty() {
            let header = self.header.iter().map(|text| Cell::from(*text).toned(Tone::Faint).drawn(colour));
            table.set_header(header);
        }
        table.add_rows(self.rows.iter().map(|row| row.iter().map(|cell| cell.drawn(colour))));
        // The first column begins at the left edge, and nothing hangs over at the right one.
        table.column_iter_mut().for_each(|column| {
            column.set_padding((0, 2));
        });
        let lines = table.lines().map(|line| format!("{}\n", line.trim_end()));
        lines.collect()
    }
}

impl Cell {
    /// The same text in this tone.
    pub(crate) fn toned(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    /// The same text, cut so that it is recognised.
    pub(crate) fn short(mut self) -> Self {
        self.most = SHORT;
        self
    }

    fn drawn(&self, colour: bool) -> comfy_table::Cell {
        let cell = comfy_table::Cell::new(shortened(&self.text, self.most));
        if !colour {
            return cell;
        }
        let cell = self.tone.color().map_or(cell.clone(), |color| cell.fg(color));
        if self.tone == Tone::Strong { cell.add_attribute(Attribute::Bold) } else { cell }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), tone: Tone::Plain, most: MOST }
    }
}

impl Tone {
    const fn color(self) -> Option<Color> {
        match self {
            Self::Plain | Self::Strong => None,
            Self::Good => Some(Color::DarkGreen),
            Self::Bad => Some(Color::DarkRed),
            Self::Busy => Some(Color::DarkCyan),
            Self::Waiting => Some(Color::DarkYellow),
            Self::Faint => Some(Color::DarkGrey),
        }
    }

    /// A word of our own in this tone.
    pub(super) fn painted(self, word: &str, colour: bool) -> String {
        let code = match self {
            _ if !colour => return word.to_owned(),
            Self::Plain | Self::Strong => "1",
            Self::Good => "1;32",
            Self::Bad => "1;31",
            Self::Busy => "1;36",
            Self::Waiting => "1;33",
            Self::Faint => "2",
        };
        format!("\u{1b}[{code}m{word}\u{1b}[0m")
    }
}
