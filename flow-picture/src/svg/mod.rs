//! A scene → SVG. All text from outside is cut, printable and escaped.

mod style;

use std::fmt::Write;

use self::style::{FILE_STYLE, STYLE};
use crate::arrange::{Frame, Scene, arrange};
use crate::boxes::{self, DOT, SIDE, Style};
use crate::layout::Line;
use crate::words::cut;
use crate::{Kind, Look, Picture, Step};

/// What the picture is put into.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Place {
    File,
    Page,
}

/// How far the line on which letters stand is below their middle, for names and for smaller text.
const NAME_BASE: f64 = 4.5;
const SMALL_BASE: f64 = 4.0;
/// The most columns of what is told to who points at a step.
const ABOUT_COLUMNS: usize = 400;

/// The picture as SVG.
pub(crate) fn write(picture: &Picture, place: Place) -> String {
    let shown = Picture {
        title: cut(&picture.title, boxes::TITLE_COLUMNS),
        note: cut(&picture.note, boxes::NOTE_COLUMNS),
        ..picture.clone()
    };
    let scene = arrange(&shown);
    let mut writer = Writer { picture: &shown, scene: &scene, out: String::new() };
    writer.all(place);
    writer.out
}

struct Writer<'s> {
    picture: &'s Picture,
    scene: &'s Scene,
    out: String,
}

/// Adds to the text. That cannot fail.
macro_rules! put {
    ($writer:expr, $($words:tt)*) => {{ let _ = write!($writer.out, $($words)*); }};
}

impl Writer<'_> {
    fn all(&mut self, place: Place) {
        let (width, height) = (self.scene.size.width.ceil(), self.scene.size.height.ceil());
        let title = escape(&self.picture.title);
        put!(self, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"flow-picture\" role=\"group\" ");
        put!(self, "aria-label=\"{title}\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n");
        put!(self, "<title>{title}</title>\n<style>\n{STYLE}");
        if place == Place::File {
            put!(self, "{FILE_STYLE}");
        }
        put!(self, "</style>\n");
        if place == Place::File {
            put!(self, "<rect class=\"back\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\n");
        }
        self.title(&title);
        for region in 0..self.picture.regions.len() {
            self.region(region);
        }
        put!(self, "</svg>\n");
    }

    fn title(&mut self, title: &str) {
        let Some(Some(whole)) = self.scene.regions.first() else { return };
        let (x, y) = (whole.at.x, whole.at.y - 17.0);
        put!(self, "<text x=\"{x}\" y=\"{y}\"><tspan class=\"title\">{title}</tspan>");
        if !self.picture.note.is_empty() {
            put!(self, "<tspan class=\"small\" dx=\"8\">{}</tspan>", escape(&self.picture.note));
        }
        put!(self, "</text>\n");
    }

    fn region(&mut self, index: usize) {
        let (picture, scene) = (self.picture, self.scene);
        let Some(frame) = scene.regions[index] else { return };
        let pale = scene.pale[index];
        if pale {
            put!(self, "<g class=\"pale\">\n");
        }
        self.border(index, frame);
        self.lines(&scene.lines[index]);
        for &step in &scene.inside[index] {
            if let Some(placed) = scene.steps[step] {
                self.step(&picture.steps[step], placed);
            }
        }
        if pale {
            put!(self, "</g>\n");
        }
    }

    /// What is drawn around a region, if it is one of several.
    fn border(&mut self, index: usize, frame: Frame) {
        let region = &self.picture.regions[index];
        let is_branch = |parent: usize| self.picture.steps[parent].kind == Kind::Branch;
        let is_arm = region.parent.is_some_and(is_branch);
        let is_empty = self.scene.inside[index].is_empty();
        if is_arm {
            put!(self, "<rect class=\"arm\" {} rx=\"6\"/>\n", rect(frame));
            self.text(frame.at.x + SIDE, frame.at.y + 15.0, "small", &boxes::label(&region.label));
        }
        if is_empty {
            let (x, y) = (frame.at.x + SIDE, frame.at.y + if is_arm { 36.0 } else { 9.0 });
            self.text(x, y, "small", "no step");
        }
    }

    fn lines(&mut self, lines: &[Line]) {
        for (is_value, class) in [(true, "line"), (false, "line after")] {
            let mut drawn = lines.iter().filter(|line| line.is_value == is_value).peekable();
            if drawn.peek().is_some() {
                put!(self, "<path class=\"{class}\" d=\"");
                drawn.for_each(|line| self.line(line));
                put!(self, "\"/>\n");
            }
        }
        let mut heads = lines.iter().filter(|line| line.has_head).map(|line| line.to).collect::<Vec<_>>();
        heads.sort_by(|a, b| a.y.total_cmp(&b.y).then(a.x.total_cmp(&b.x)));
        heads.dedup();
        if !heads.is_empty() {
            put!(self, "<path class=\"head\" d=\"");
            heads.iter().for_each(|head| put!(self, "M{} {}l-4 -8h8z", head.x, head.y));
            put!(self, "\"/>\n");
        }
    }

    /// A piece of line. One that ends at a box ends where its head begins.
    fn line(&mut self, line: &Line) {
        let Line { from, leaves, enters, to, .. } = *line;
        put!(self, "M{} {}", from.x, from.y);
        if leaves > from.y {
            put!(self, "V{leaves}");
        }
        let enters = if line.has_head { enters - 7.0 } else { enters };
        if (from.x - to.x).abs() < 0.5 {
            put!(self, "V{enters}");
        } else {
            let middle = f64::midpoint(leaves, enters);
            put!(self, "C{} {middle} {} {middle} {} {enters}", from.x, to.x, to.x);
        }
    }

    fn step(&mut self, step: &Step, frame: Frame) {
        put!(self, "<g><title>{}</title>\n", escape(&cut(&step.about, ABOUT_COLUMNS)));
        let opens = !matches!(step.kind, Kind::Call | Kind::Wait);
        let kind = kind_class(step.kind);
        let class = if opens { "frame" } else { "box" };
        let look = step.mark.as_ref().map(|mark| look_class(mark.look));
        let colour = look.filter(|_| !opens).unwrap_or(kind);
        if step.kind == Kind::Each {
            self.shadows(frame);
        }
        if step.kind == Kind::Sub {
            self.outer_border(frame);
        }
        let round = if step.kind == Kind::Wait { 17.0 } else { 7.0 };
        put!(self, "<rect class=\"{class} {colour}\" {} rx=\"{round}\"/>\n", rect(frame));
        self.words(step, frame, look);
        put!(self, "</g>\n");
    }

    /// A fan-out is many: borders of others look out behind it.
    fn shadows(&mut self, frame: Frame) {
        let (right, bottom) = (frame.at.x + frame.size.width, frame.at.y + frame.size.height);
        put!(self, "<path class=\"frame each\" style=\"fill:none\" d=\"");
        for by in [4.0, 8.0] {
            let (x, y) = (frame.at.x + by + 6.0, frame.at.y + by + 6.0);
            put!(self, "M{x} {}H{}V{y}", bottom + by, right + by);
        }
        put!(self, "\"/>\n");
    }

    /// A workflow is something whole: it has two borders.
    fn outer_border(&mut self, frame: Frame) {
        let Frame { at, size } = frame;
        let (x, y, width, height) = (at.x + 3.0, at.y + 3.0, size.width - 6.0, size.height - 6.0);
        put!(self, "<rect class=\"frame sub\" style=\"fill:none\" x=\"{x}\" y=\"{y}\" ");
        put!(self, "width=\"{width}\" height=\"{height}\" rx=\"5\"/>\n");
    }

    fn words(&mut self, step: &Step, frame: Frame, look: Option<&str>) {
        let left = frame.at.x + SIDE;
        for line in boxes::lines(step) {
            let y = frame.at.y + line.y;
            match line.style {
                Style::Name => {
                    let (y, name) = (y + NAME_BASE, escape(&line.words));
                    put!(self, "<text class=\"name\" x=\"{left}\" y=\"{y}\" xml:space=\"preserve\">");
                    if !line.keyword.is_empty() {
                        put!(self, "<tspan class=\"keyword\">{} </tspan>", line.keyword);
                    }
                    put!(self, "{name}</text>\n");
                }
                Style::Detail => self.text(left, y, "small", &line.words),
                Style::Note => {
                    let x = left + 4.0;
                    put!(self, "<circle class=\"{}\" cx=\"{x}\" cy=\"{y}\" r=\"3.5\"/>\n", look.unwrap_or("open"));
                    self.text(left + DOT, y, "small", &line.words);
                }
            }
        }
    }

    fn text(&mut self, x: f64, y: f64, class: &str, text: &str) {
        put!(self, "<text class=\"{class}\" x=\"{x}\" y=\"{}\">{}</text>\n", y + SMALL_BASE, escape(text));
    }
}

fn rect(frame: Frame) -> String {
    let Frame { at, size } = frame;
    format!("x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"", at.x, at.y, size.width, size.height)
}

fn kind_class(kind: Kind) -> &'static str {
    match kind {
        Kind::Call => "call",
        Kind::Wait => "wait",
        Kind::Branch => "branch",
        Kind::Each => "each",
        Kind::Sub => "sub",
    }
}

fn look_class(look: Look) -> &'static str {
    match look {
        Look::Open => "open",
        Look::Running => "running",
        Look::Waiting => "waiting",
        Look::Completed => "completed",
        Look::Failed => "failed",
        Look::Stopped => "stopped",
        Look::Undone => "undone",
    }
}

/// Text in XML, between tags or in quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
