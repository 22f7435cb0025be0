//! The rules of a workflow's graph. In: a model and the errors found before it. Out: the model as checked, or the
//! errors.

use std::collections::HashMap;

use proc_macro2::Ident;
use syn::Type;

use super::Checked;
use crate::diagnostics::Errors;
use crate::model::migrate::Migration;
use crate::model::text::text;
use crate::model::wait::Named;
use crate::model::workflow::{self as model, Borrow, Head, Kind, Model, RegionIx, Step, StepIx};

/// The most steps that a plan can number.
const MAX_STEPS: usize = 4096;

/// Holds a workflow to all rules.
pub(crate) fn workflow(mut errors: Errors, model: Model) -> Result<Checked<Model>, (Model, syn::Error)> {
    branches_and_fan_outs_have_an_id(&mut errors, &model);
    ids_are_unique(&mut errors, &model);
    labels_are_unique(&mut errors, &model);
    no_step_waits_for_itself(&mut errors, &model);
    types_own_what_they_hold(&mut errors, &model);
    the_plan_can_number_all(&mut errors, &model);
    signals_of_one_name_have_one_type(&mut errors, &model);
    migrations_come_from_older_versions(&mut errors, &model);
    match errors.finish() {
        None => Ok(Checked(model)),
        Some(errors) => Err((model, errors)),
    }
}

/// A `match`, `if` or `for` with steps is stored under a name, so it needs one.
fn branches_and_fan_outs_have_an_id(errors: &mut Errors, model: &Model) {
    for step in model.steps.iter().filter(|step| step.id.is_none()) {
        let (what, word) = match &step.kind {
            Kind::Call(_) => continue,
            Kind::Branch(branch) => match &branch.head {
                Head::Match { .. } => ("`match`", "match"),
                Head::If { .. } => ("`if`", "if"),
            },
            Kind::Each(_) => ("`for`", "for"),
        };
        let token = Ident::new("keyword", step.span);
        errors.report(
            token,
            format!(
                "this {what} has steps and no name\nhelp: write `let name = {word} ..`, or `#[id = \"name\"]` before it"
            ),
        );
    }
}

/// Ids are the stored names: unique in a region, and over all arms of one branch.
fn ids_are_unique(errors: &mut Errors, model: &Model) {
    unique_in(errors, model, &[0]);
    for step in &model.steps {
        match &step.kind {
            Kind::Call(_) => {}
            Kind::Branch(branch) => unique_in(errors, model, &branch.arms),
            Kind::Each(each) => unique_in(errors, model, &[each.body]),
        }
    }
}

fn unique_in(errors: &mut Errors, model: &Model, regions: &[RegionIx]) {
    let mut seen: HashMap<&str, &Step> = HashMap::new();
    for step in regions.iter().flat_map(|region| &model.region(*region).steps).map(|step| model.step(*step)) {
        let Some(id) = &step.id else { continue };
        if let Some(first) = seen.insert(&id.text, step) {
            let line = first.id.as_ref().map_or(0, |id| id.span.start().line);
            let place = if first.region == step.region { "" } else { " in another arm" };
            let text = &id.text;
            errors.report(
                Ident::new("id", id.span),
                format!("two steps have the id `{text}`\nnote: the first stands in line {line}{place}\nhelp: bind one with `let other = ..`, or put `#[id = \"other\"]` before it"),
            );
        }
    }
}

/// Labels tell the arms of a branch apart. Those of an `if` are made so that they do.
fn labels_are_unique(errors: &mut Errors, model: &Model) {
    for step in &model.steps {
        let Kind::Branch(branch) = &step.kind else { continue };
        let mut seen = Vec::new();
        let Head::Match { arms, .. } = &branch.head else { continue };
        for (arm, head) in branch.arms.iter().zip(arms) {
            let label = &model.region(*arm).label;
            if seen.contains(&label) {
                errors.report(
                    &head.pat,
                    format!("two arms have the label `{label}`\nhelp: put `#[id = \"other\"]` before one of them"),
                );
            }
            seen.push(label);
        }
    }
}

/// `#[after]` may not close a cycle: a step inside a branch or a fan-out cannot wait for what holds it.
fn no_step_waits_for_itself(errors: &mut Errors, model: &Model) {
    for (index, step) in model.steps.iter().enumerate() {
        for after in &step.after {
            if *after == index || holds(model, *after, step) {
                let name = step.id.as_ref().map_or("this step", |id| id.text.as_str());
                let around = model.step(*after).id.as_ref().map_or("", |id| id.text.as_str());
                errors.report(
                    Ident::new("step", step.span),
                    format!("these steps wait for each other: `{around}` → `{name}` → `{around}`\nhelp: remove the `#[after({around})]`"),
                );
            }
        }
    }
}

fn holds(model: &Model, outer: StepIx, inner: &Step) -> bool {
    let mut parent = model.region(inner.region).parent;
    while let Some(step) = parent {
        if step == outer {
            return true;
        }
        parent = model.region(model.step(step).region).parent;
    }
    false
}

/// What is stored outlives every borrow, so parameters and output hold no references.
fn types_own_what_they_hold(errors: &mut Errors, model: &Model) {
    let mut refuse = |ty: &Type, what: &str| {
        let Some(borrow) = model::borrow(ty) else { return };
        match borrow {
            Borrow::Reference(and) => errors.report(
                and,
                format!(
                    "the {what} of a workflow is stored, so it cannot borrow\nhelp: take the value itself, without `&`"
                ),
            ),
            Borrow::Unnamed(word) => errors.report(
                word,
                format!("the {what} of a workflow is stored, so its type must be named\nhelp: write the type"),
            ),
        }
    };
    for param in &model.params {
        refuse(&param.ty, "input");
    }
    if let Some(output) = &model.output {
        refuse(output, "output");
    }
}

/// Who sends a signal knows its name, and which of the steps that wait for it comes first may change.
fn signals_of_one_name_have_one_type(errors: &mut Errors, model: &Model) {
    let mut types: HashMap<String, String> = HashMap::new();
    for Named { name, ty } in model.signals() {
        let ty = ty.map_or_else(|| "Approval".to_owned(), |ty| text(&ty));
        let first = types.entry(name.value()).or_insert_with(|| ty.clone());
        if *first != ty {
            let help = "give one of them another name, or both one type";
            errors.report(
                name,
                format!("signal `{}` is a `{first}` elsewhere and a `{ty}` here\nhelp: {help}", name.value()),
            );
        }
    }
}

/// A stored output is migrated from one older version in one way.
fn migrations_come_from_older_versions(errors: &mut Errors, model: &Model) {
    for step in &model.steps {
        let mut seen = Vec::new();
        for Migration { from, name, .. } in &step.migrations {
            let number = from.number;
            if seen.contains(&number) {
                errors
                    .report(&from.written, format!("this step migrates from version {number} twice\nhelp: remove one"));
            }
            seen.push(number);
            if number < model.version {
                continue;
            }
            let next = number.saturating_add(1);
            if model.version == 1 {
                let help = format!("write `#[version = {next}]` before the `fn`");
                errors.report(name, format!("a workflow of version 1 has no outputs to migrate\nhelp: {help}"));
            } else {
                let help = format!("name an older one, or write `#[version = {next}]` before the `fn`");
                let version = model.version;
                errors.report(
                    &from.written,
                    format!("version {number} is not before the workflow's own, {version}\nhelp: {help}"),
                );
            }
        }
    }
}

/// A record numbers steps with 16 bits.
fn the_plan_can_number_all(errors: &mut Errors, model: &Model) {
    if model.steps.len() > MAX_STEPS {
        let count = model.steps.len();
        errors.report(
            &model.ident,
            format!("this workflow has {count} steps, more than {MAX_STEPS}\nhelp: put a part of them into a `for` or a workflow of its own"),
        );
    }
}
