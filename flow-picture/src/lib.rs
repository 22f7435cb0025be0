//! Draws the graph of a workflow as SVG, laid out here, with no program beside and no other crate.
//!
//! In: a [`Picture`], plain data. Out: text. The macros draw what they have parsed, and `flow-runtime` what it runs, so
//! this crate knows neither of them. The same picture gives the same bytes on every machine.
//!
//! ```
//! use flow_picture::{Edge, Kind, Picture, Region, Step};
//!
//! let step = |id: &str, edges| Step { edges, ..Step::new(id, 0, Kind::Call) };
//! let pay = step("pay", vec![]);
//! let receipt = step("receipt", vec![Edge { from: 0, is_value: true }]);
//! let picture = Picture {
//!     title: "order".to_owned(),
//!     note: "(order: Order) -> Receipt".to_owned(),
//!     steps: vec![pay, receipt],
//!     regions: vec![Region::default()],
//! };
//! let svg = picture.svg();
//! assert!(svg.starts_with("<svg ") && svg.contains(">receipt</text>"));
//! ```
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod arrange;
mod boxes;
mod layout;
mod svg;
mod words;

pub use words::{columns, printable};

/// The graph of a workflow, and how it stands, in the words that are to be written.
///
/// Steps and regions are numbered by their place in these lists. The first region is the workflow itself; a step stands
/// in a region before those that it opens, and a region behind the one that its parent stands in. What breaks that, or
/// names what is not there, is left out of the drawing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// The workflow's name.
    pub title: String,
    /// What is written beside it: its types, or which run this is.
    pub note: String,
    /// All steps of all regions.
    pub steps: Vec<Step>,
    /// All regions.
    pub regions: Vec<Region>,
}

/// A box of the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is called.
    pub id: String,
    /// The region it stands in.
    pub region: usize,
    /// What it does.
    pub kind: Kind,
    /// What is written under its name: its node, if that is called otherwise, and how it deviates from a plain call.
    pub details: Vec<String>,
    /// What is told of it to who points at it, or cannot see it.
    pub about: String,
    /// What it comes after.
    pub edges: Vec<Edge>,
    /// How it stands, in a picture of a run.
    pub mark: Option<Mark>,
}

/// What a step does, which gives it its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It calls a node.
    Call,
    /// It waits for something outside.
    Wait,
    /// It takes one of the regions that it opens.
    Branch,
    /// It runs the region that it opens once for each item.
    Each,
    /// It calls a workflow, which is the region that it opens.
    Sub,
}

/// What a step comes after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// That step. It may stand in a region around; then the arrow leads to what the step stands in there.
    pub from: usize,
    /// Whether its value is used.
    pub is_value: bool,
}

/// A part of the picture with steps of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// The step that opens it; `None` for the workflow itself.
    pub parent: Option<usize>,
    /// What is written over it: the pattern of an arm.
    pub label: String,
    /// Whether the run went another way, so that this pales.
    pub is_pale: bool,
}

/// How a step of a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The colour it has.
    pub look: Look,
    /// The status in words, with what else is told: `completed in 1.2 s`.
    pub note: String,
}

/// What a status means for who looks at the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Look {
    /// Nothing has happened yet.
    Open,
    /// It is under way.
    Running,
    /// It waits for something outside.
    Waiting,
    /// It went well.
    Completed,
    /// It went wrong.
    Failed,
    /// It was stopped, or is never to begin.
    Stopped,
    /// What it did was undone.
    Undone,
}

impl Picture {
    /// The picture as a file of its own: with a background, light or dark as whoever looks at it prefers.
    ///
    /// It has no scripts, loads nothing, and needs no font but a monospaced one of the machine.
    pub fn svg(&self) -> String {
        svg::write(self, svg::Place::File)
    }

    /// The picture to be put into a page of HTML: without a background, in the page's own colour of text. It has no empty
    /// line, at which Markdown would take it for ended.
    pub fn inline_svg(&self) -> String {
        svg::write(self, svg::Place::Page)
    }
}

impl Step {
    /// A step without edges, and of which nothing more is told.
    pub fn new(id: &str, region: usize, kind: Kind) -> Self {
        let about = id.to_owned();
        Self { id: id.to_owned(), region, kind, details: Vec::new(), about, edges: Vec::new(), mark: None }
    }
}
