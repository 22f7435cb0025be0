//! sayiir, built once and run in its process. Its graphs are series and parallel ones, so it has no layers, and a branch
//! of a fork is one step, so it has no straggler; it has no fan-out over items.

use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use harness::case::Case;
use harness::shape::{self, Shape};
use sayiir_core::error::BoxError;
use sayiir_core::task::BranchOutputs;
use sayiir_runtime::prelude::{
    InProcessRunner, RkyvCodec, Workflow, WorkflowBuilder, WorkflowContext, WorkflowRunner, WorkflowStatus,
};

type Built = Workflow<RkyvCodec, u64>;

pub(crate) fn in_memory() -> Vec<Case> {
    vec![
        built_once(&shape::CHAIN, chain),
        built_in_run(&shape::CHAIN, chain),
        built_once(&shape::FAN, || fan(&shape::FAN, shape::next)),
        built_in_run(&shape::FAN, || fan(&shape::FAN, shape::next)),
        built_once(&shape::FAN_20US, || fan(&shape::FAN_20US, shape::busy)),
        built_in_run(&shape::FAN_20US, || fan(&shape::FAN_20US, shape::busy)),
        built_once(&shape::DIAMOND, || fan(&shape::DIAMOND, shape::next)),
        built_in_run(&shape::DIAMOND, || fan(&shape::DIAMOND, shape::next)),
    ]
}

fn built_once(shape: &'static Shape, build: fn() -> Result<Built>) -> Case {
    let workflow: Arc<Result<Built>> = Arc::new(build());
    Case::in_memory(shape, "sayiir", move || {
        let workflow = workflow.clone();
        async move { run(shape, workflow.as_ref().as_ref().map_err(|error| anyhow!("{error:#}"))?).await }
    })
}

fn built_in_run(shape: &'static Shape, build: fn() -> Result<Built>) -> Case {
    Case::in_memory(shape, "sayiir, with its build", move || async move { run(shape, &build()?).await }).builds_in_run()
}

/// A runner tells only whether the run completed, so the last step fails if its value is not the right one.
async fn run(shape: &Shape, workflow: &Built) -> Result<u64> {
    let status = InProcessRunner.run(workflow, 0).await?;
    ensure!(matches!(status, WorkflowStatus::Completed), "the run ended as {status:?}");
    Ok(shape.gives)
}

fn right(value: u64, shape: &Shape) -> Result<u64, BoxError> {
    if value == shape.gives { Ok(value) } else { Err(format!("{value} is not {}", shape.gives).into()) }
}

fn begin() -> WorkflowBuilder<RkyvCodec, u64, u64> {
    WorkflowBuilder::new(WorkflowContext::new("bench", Arc::new(RkyvCodec), Arc::new(())))
}

fn built(result: Result<Built, impl std::fmt::Display>) -> Result<Built> {
    result.map_err(|errors| anyhow!("the graph is not valid: {errors}"))
}

fn chain() -> Result<Built> {
    let mut builder = begin().then("s1", |x: u64| async move { Ok(shape::next(x)) });
    for place in 2..shape::CHAIN.steps {
        builder = builder.then(&format!("s{place}"), |x: u64| async move { Ok(shape::next(x)) });
    }
    built(builder.then("last", |x: u64| async move { right(shape::next(x), &shape::CHAIN) }).build())
}

fn fan(shape: &'static Shape, middle: fn(u64) -> u64) -> Result<Built> {
    let names: Arc<[String]> = (2..shape.steps).map(|place| format!("s{place}")).collect();
    let forked = begin().then("first", |x: u64| async move { Ok(shape::next(x)) }).branches(|branches| {
        for name in &*names {
            branches.add(name, move |x: u64| async move { Ok(middle(x)) });
        }
    });
    let joined = forked.join("last", move |outputs: BranchOutputs<RkyvCodec>| {
        let values: Result<Vec<u64>, BoxError> = names.iter().map(|name| outputs.get_by_id(name)).collect();
        async move { right(shape::total(&values?), shape) }
    });
    built(joined.build())
}
