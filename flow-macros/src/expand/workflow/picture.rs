//! The workflow as a picture on its page in rustdoc. In: a checked model. Out: a `#[doc]` with SVG, where it is rustdoc
//! that expands the macro, and nothing elsewhere; so no other build has a token more for it.
//!
//! A procedural macro runs in the process of the compiler, and rustdoc is a compiler of its own name. `cfg(doc)` would
//! say the same later, but to ask it there would have to be tokens to ask for.

use std::env;

use flow_picture::{Edge, Kind as Form, Picture, Region, Step as Drawn};
use proc_macro2::TokenStream;
use quote::quote;
use syn::Path;

use super::plan::{place, types};
use crate::model::names::key;
use crate::model::wait::Wait;
use crate::model::workflow::{Call, Kind, Model, Step, StepIx};

/// The picture as documentation, if this is rustdoc.
pub(super) fn doc(model: &Model) -> Option<TokenStream> {
    let is_rustdoc = env::current_exe().is_ok_and(|path| path.file_stem().is_some_and(|name| name == "rustdoc"));
    is_rustdoc.then(|| {
        let html = html(model);
        quote!(#[doc = #html])
    })
}

/// The picture in HTML for Markdown: a block of its own, which an empty line before it begins. Lists of items show how
/// their documentation begins, so where there is none a sentence is put before it.
fn html(model: &Model) -> String {
    let is_documented = model.attrs.iter().any(|attr| attr.path().is_ident("doc"));
    let first = match model.steps.len() {
        _ if is_documented => String::new(),
        1 => "A workflow of 1 step.".to_owned(),
        steps => format!("A workflow of {steps} steps."),
    };
    format!("{first}\n\n<div style=\"overflow-x: auto\">\n{}</div>\n", picture(model).inline_svg())
}

fn picture(model: &Model) -> Picture {
    let [input, output] = types(model);
    let region = |index: &usize| {
        let region = model.region(*index);
        let parent = region.parent.map(|step| model.step(step).local as usize);
        Region { parent, label: region.label.clone(), is_pale: false }
    };
    Picture {
        title: key(&model.ident),
        note: format!("({input}) -> {output}"),
        steps: model.step_order.iter().map(|index| step(model, *index)).collect(),
        regions: model.region_order.iter().map(region).collect(),
    }
}

fn step(model: &Model, index: StepIx) -> Drawn {
    let step = model.step(index);
    let edges = edges(model, index);
    Drawn {
        id: id(step).to_owned(),
        region: model.region(step.region).number as usize,
        kind: form(&step.kind),
        details: details(step),
        about: about(model, step, &edges),
        edges,
        mark: None,
    }
}

fn id(step: &Step) -> &str {
    step.id.as_ref().map_or("", |id| &id.text)
}

fn form(kind: &Kind) -> Form {
    match kind {
        Kind::Call(Call { wait: None, .. }) => Form::Call,
        Kind::Call(Call { wait: Some(_), .. }) => Form::Wait,
        Kind::Branch(_) => Form::Branch,
        Kind::Each(_) => Form::Each,
    }
}

/// What is written under the step's name. What undoes it is known where the step says so; what its node says, and
/// whether that is a workflow, is known to the compiler alone.
fn details(step: &Step) -> Vec<String> {
    let mut details = Vec::new();
    if let Kind::Call(call) = &step.kind {
        details.extend(name(&call.path).filter(|node| node != id(step)));
        details.extend(call.wait.map(|wait| match wait {
            Wait::Sleep | Wait::SleepUntil => "timer".to_owned(),
            Wait::Signal => "signal".to_owned(),
        }));
    }
    if step.catch.is_some() {
        details.push("catch".to_owned());
    }
    details.extend(step.undo.as_ref().and_then(|undo| name(&undo.path)).map(|name| format!("undo {name}")));
    details
}

fn name(path: &Path) -> Option<String> {
    path.segments.last().map(|segment| key(&segment.ident))
}

/// The steps that a step comes after, and whether it uses their values.
fn edges(model: &Model, index: StepIx) -> Vec<Edge> {
    let inputs = model.inputs(index);
    let after = model.step(index).after.iter().map(|after| model.step(*after).local);
    let after: Vec<u32> = after.filter(|after| !inputs.contains(after)).collect();
    let edge = |from: u32, is_value| Edge { from: from as usize, is_value };
    inputs.into_iter().map(|from| edge(from, true)).chain(after.into_iter().map(|from| edge(from, false))).collect()
}

/// What is told of the step to who points at it.
fn about(model: &Model, step: &Step, edges: &[Edge]) -> String {
    let mut about = id(step).to_owned();
    let mut tell = |words: &str| about.push_str(words);
    if let Kind::Call(call) = &step.kind {
        name(&call.path).into_iter().for_each(|node| tell(&format!(", node {node}")));
    }
    let [line, _] = place(step.span);
    tell(&format!(", line {line}"));
    for edge in edges {
        let from = model.step_order.get(edge.from).map_or("", |from| id(model.step(*from)));
        tell(&format!(", {} {from}", if edge.is_value { "uses" } else { "after" }));
    }
    about
}

#[cfg(test)]
mod tests {
    use flow_picture::Kind as Form;

    use super::{Edge, Picture, html};
    use crate::diagnostics::Errors;
    use crate::model::workflow::Model;
    use crate::{model, parse};

    fn model(source: &str) -> Model {
        let mut errors = Errors::default();
        let mut call = parse::workflow::call(&mut errors, source.parse().expect("tokens"));
        let (syntax, mut own) = call.workflows.pop().expect("one workflow");
        let model = model::resolve::workflow(&mut own, syntax, None);
        assert!(own.finish().is_none() && errors.finish().is_none(), "{source}");
        model
    }

    const ORDER: &str = r#"
        fn order(order: Order) -> Receipt {
            let stock = reserve(order);
            #[catch]
            let payment = bank::charge(order);
            let parcel = match payment {
                Ok(slip) => { let labels = for line in order.lines { print(line) }; pack(labels) },
                Err(_) => Parcel::NONE,
            };
            let word = approval("boss");
            #[after(word)]
            receipt(parcel, stock)
        }
    "#;

    fn picture() -> Picture {
        super::picture(&model(ORDER))
    }

    #[test]
    fn the_picture_has_what_the_workflow_says() {
        let picture = picture();
        assert_eq!((&*picture.title, &*picture.note), ("order", "(order: Order) -> Receipt"));
        let ids: Vec<_> = picture.steps.iter().map(|step| (&*step.id, step.region, step.kind)).collect();
        let expected = [
            ("stock", 0, Form::Call),
            ("payment", 0, Form::Call),
            ("parcel", 0, Form::Branch),
            ("word", 0, Form::Wait),
            ("receipt", 0, Form::Call),
            ("labels", 1, Form::Each),
            ("pack", 1, Form::Call),
            ("print", 3, Form::Call),
        ];
        assert_eq!(ids, expected);
        assert_eq!(picture.steps[1].details, ["charge", "catch"]);
        assert_eq!(picture.steps[3].details, ["approval", "signal"]);
        let edges = [(0, true), (2, true), (3, false)].map(|(from, is_value)| Edge { from, is_value });
        assert_eq!(picture.steps[4].edges, edges);
        assert_eq!(picture.steps[4].about, "receipt, node receipt, line 12, uses stock, uses parcel, after word");
        let regions: Vec<_> = picture.regions.iter().map(|region| (region.parent, &*region.label)).collect();
        assert_eq!(regions, [(None, ""), (Some(2), "Ok(slip)"), (Some(2), "Err(_)"), (Some(5), "")]);
    }

    #[test]
    fn what_undoes_a_step_is_said_where_the_step_says_it() {
        let source = "fn f(x: u64) -> u64 { #[with(undo = give::back(x, output))] let y = take(x); y }";
        assert_eq!(super::picture(&model(source)).steps[0].details, ["take", "undo back"]);
    }

    #[test]
    fn it_is_one_block_for_markdown() {
        let html = html(&model("/// Says so.\nfn f(x: u64) -> u64 { next(x) }"));
        let block = html.strip_prefix("\n\n<div ").expect("an empty line before it");
        assert!(!block.contains("\n\n") && block.ends_with("</svg>\n</div>\n"), "{block}");
    }

    #[test]
    fn a_workflow_that_is_not_documented_has_a_sentence_for_lists() {
        for (source, first) in [
            ("fn f(x: u64) -> u64 { next(x) }", "A workflow of 1 step.\n\n<div "),
            ("fn f(x: u64) -> u64 { let y = next(x); sum(x, y) }", "A workflow of 2 steps.\n\n<div "),
        ] {
            assert!(html(&model(source)).starts_with(first));
        }
    }

    #[test]
    fn only_rustdoc_has_it() {
        assert!(super::doc(&model("fn f(x: u64) -> u64 { next(x) }")).is_none());
    }
}
