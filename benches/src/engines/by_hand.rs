//! The plainest programs that do what the shapes ask for, with no engine: the limits in memory.

use std::pin::Pin;

use anyhow::Result;
use futures::future::{join, join_all, try_join, try_join_all};
use futures::stream::{self, FuturesUnordered, StreamExt};
use harness::case::Case;
use harness::shape::{self, AT_ONCE, INPUTS, Shape, WIDTH};
use tokio::task::JoinHandle;

/// A step as an engine has it: its type is not known where it is awaited.
type Step = Pin<Box<dyn Future<Output = u64> + Send>>;

pub(crate) fn in_memory() -> Vec<Case> {
    vec![
        Case::in_memory(&shape::CHAIN, "tokio: boxed futures", chain).limit(),
        Case::in_memory(&shape::FAN, "tokio: spawn and join", || fan_of_tasks(&shape::FAN, step)).limit(),
        Case::in_memory(&shape::FAN, "tokio: FuturesUnordered", || fan_in_one_task(&shape::FAN, step)),
        Case::in_memory(&shape::FAN_20US, "tokio: spawn and join", || fan_of_tasks(&shape::FAN_20US, busy)).limit(),
        Case::in_memory(&shape::FAN_20US, "tokio: FuturesUnordered", || fan_in_one_task(&shape::FAN_20US, busy)),
        Case::in_memory(&shape::LAYERS, "tokio: spawn and join", layers_of_tasks).limit(),
        Case::in_memory(&shape::LAYERS, "tokio: join_all", layers_in_one_task),
        Case::in_memory(&shape::DIAMOND, "tokio: spawn and join", || fan_of_tasks(&shape::DIAMOND, step)).limit(),
        Case::in_memory(&shape::DIAMOND, "tokio: FuturesUnordered", || fan_in_one_task(&shape::DIAMOND, step)),
        Case::in_memory(&shape::STRAGGLER, "tokio: critical path", critical_path).limit(),
        Case::in_memory(&shape::STRAGGLER, "tokio: both chains, joined", both_chains),
        Case::in_memory(&shape::STRAGGLER, "tokio: both chains, spawned", both_chains_as_tasks),
        Case::in_memory(&shape::ITEMS_10_000, "tokio: buffer_unordered", || items(10_000)).limit(),
        Case::in_memory(&shape::ITEMS_100_000, "tokio: buffer_unordered", || items(100_000)).limit(),
    ]
}

fn step(x: u64) -> Step {
    Box::pin(async move { shape::next(x) })
}

fn busy(x: u64) -> Step {
    Box::pin(async move { shape::busy(x) })
}

fn mixing(xs: [u64; INPUTS]) -> Step {
    Box::pin(async move { shape::mixed(xs) })
}

async fn chain() -> Result<u64> {
    let mut x = 0;
    for _ in 0..shape::CHAIN.steps {
        x = step(x).await;
    }
    Ok(x)
}

/// How many steps are between the first and the last.
fn count(shape: &Shape) -> u64 {
    shape.steps - 2
}

async fn fan_of_tasks(shape: &'static Shape, middle: fn(u64) -> Step) -> Result<u64> {
    let first = step(0).await;
    let tasks: Vec<JoinHandle<u64>> = (0..count(shape)).map(|_| tokio::spawn(middle(first))).collect();
    Ok(shape::total(&try_join_all(tasks).await?))
}

async fn fan_in_one_task(shape: &'static Shape, middle: fn(u64) -> Step) -> Result<u64> {
    let first = step(0).await;
    let steps: FuturesUnordered<Step> = (0..count(shape)).map(|_| middle(first)).collect();
    Ok(shape::total(&steps.collect::<Vec<u64>>().await))
}

/// What the step at a place takes of the layer before.
fn taken(before: &[u64], place: usize) -> [u64; INPUTS] {
    std::array::from_fn(|input| before[(place + input) % WIDTH])
}

fn layer(before: Option<&[u64]>) -> impl Iterator<Item = Step> {
    (0..WIDTH).map(move |place| match before {
        None => step(0),
        Some(before) => mixing(taken(before, place)),
    })
}

async fn layers_of_tasks() -> Result<u64> {
    let mut values: Option<Vec<u64>> = None;
    for _ in 0..WIDTH {
        let tasks: Vec<JoinHandle<u64>> = layer(values.as_deref()).map(tokio::spawn).collect();
        values = Some(try_join_all(tasks).await?);
    }
    Ok(shape::total(&values.unwrap_or_default()))
}

async fn layers_in_one_task() -> Result<u64> {
    let mut values: Option<Vec<u64>> = None;
    for _ in 0..WIDTH {
        let steps: Vec<Step> = layer(values.as_deref()).collect();
        values = Some(join_all(steps).await);
    }
    Ok(shape::total(&values.unwrap_or_default()))
}

/// One of the two chains, which is as long as the other.
async fn critical_path() -> Result<u64> {
    Ok(2 * one_of_two(0).await)
}

/// Both of them, which shows what the machine asks for their being two.
async fn both_chains() -> Result<u64> {
    let (even, odd) = join(one_of_two(0), one_of_two(1)).await;
    Ok(even + odd)
}

async fn both_chains_as_tasks() -> Result<u64> {
    let (even, odd) = try_join(tokio::spawn(one_of_two(0)), tokio::spawn(one_of_two(1))).await?;
    Ok(even + odd)
}

/// The chain whose even steps are slow, or whose odd ones are.
async fn one_of_two(slow: u64) -> u64 {
    let mut x = 0;
    for place in 0..shape::STRAGGLER.steps / 2 {
        let step: Step = if place % 2 == slow { Box::pin(shape::slow(x)) } else { step(x) };
        x = step.await;
    }
    x
}

async fn items(count: u64) -> Result<u64> {
    let outputs: Vec<u64> = stream::iter(0..count).map(step).buffer_unordered(AT_ONCE).collect().await;
    Ok(shape::total(&outputs))
}
