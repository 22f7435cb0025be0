//! The spans of a run, as an OpenTelemetry exporter gets them: printed as a tree, with nothing to install.
//!
//! `cargo run --example traces` tells where the time of an order goes: its run, the attempts of its steps, the commits of
//! the store. A program of yours puts an exporter of its own in place of the one in memory.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use flow_runtime::prelude::*;
use opentelemetry::trace::{SpanId, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

#[node(retry(times = 2, backoff = "10ms..10ms", jitter = false))]
async fn charge(cents: u64, cx: &NodeContext) -> Result<u64, String> {
    let authorise = tracing::info_span!("bank.authorise", cents);
    let _inside = authorise.enter();
    if cx.attempt() == 1 { Err("the bank is busy".to_owned()) } else { Ok(cents) }
}

#[node]
async fn pack(item: String) -> String {
    tokio::time::sleep(Duration::from_millis(5)).await;
    format!("a parcel with {item}")
}

#[node]
async fn ship(cents: u64, parcels: &[String]) -> String {
    format!("{} for {cents} cents", parcels.join(" and "))
}

workflow! {
    /// Charges the customer and ships what was ordered.
    fn order(cents: u64, items: Vec<String>) -> String {
        let charged = charge(cents);
        let parcels = for item in items { pack(item) };
        ship(charged, parcels)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    flow_examples::exit_code(trace().await)
}

async fn trace() -> anyhow::Result<ExitCode> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    tracing::subscriber::set_global_default(subscriber(&provider))?;

    let engine = Engine::new(InMemoryStore::default());
    let items = vec!["tea".to_owned(), "cups".to_owned()];
    println!("{}\n", order(1250, items).run(&engine, "order-1").await?);
    engine.shutdown(Duration::from_secs(5)).await;
    provider.force_flush()?;
    print!("{}", tree(&exporter.get_finished_spans()?));
    Ok(ExitCode::SUCCESS)
}

/// Gives spans to OpenTelemetry: of Flow those of runs, which are at `INFO`, and of attempts and commits, at `DEBUG`.
fn subscriber(provider: &SdkTracerProvider) -> impl Subscriber + Send + Sync + use<> {
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("orders"));
    let layer = layer.with_location(false).with_threads(false).with_target(false).with_tracked_inactivity(false);
    let levels = Targets::new().with_target("flow_runtime", Level::DEBUG).with_target("traces", Level::INFO);
    tracing_subscriber::registry().with(levels).with(layer)
}

/// The spans, each below the one around it, in the order in which they began.
fn tree(spans: &[SpanData]) -> String {
    let mut below: BTreeMap<[u8; 8], Vec<&SpanData>> = BTreeMap::new();
    for span in spans {
        below.entry(span.parent_span_id.to_bytes()).or_default().push(span);
    }
    below.values_mut().for_each(|spans| spans.sort_by_key(|span| span.start_time));
    let mut lines = String::new();
    write_below(SpanId::INVALID, 0, &below, &mut lines);
    lines
}

fn write_below(parent: SpanId, depth: usize, below: &BTreeMap<[u8; 8], Vec<&SpanData>>, lines: &mut String) {
    for span in below.get(&parent.to_bytes()).into_iter().flatten() {
        let took = span.end_time.duration_since(span.start_time).unwrap_or_default();
        let name = format!("{:indent$}{}{}", "", span.name, fields(span), indent = depth * 2);
        // A string takes all that is written to it.
        let _ = writeln!(lines, "{name:<58} {:>8.1} ms", took.as_secs_f64() * 1000.0);
        write_below(span.span_context.span_id(), depth + 1, below, lines);
    }
}

fn fields(span: &SpanData) -> String {
    span.attributes.iter().map(|field| format!(" {}={}", field.key, field.value)).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exports the spans of a run on this thread.
    async fn exported() -> Vec<SpanData> {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let _guard = tracing::subscriber::set_default(subscriber(&provider));
        let engine = Engine::new(InMemoryStore::default());
        order(1250, vec!["tea".to_owned(), "cups".to_owned()]).run(&engine, "order-1").await.unwrap();
        engine.shutdown(Duration::from_secs(5)).await;
        provider.force_flush().unwrap();
        exporter.get_finished_spans().unwrap()
    }

    #[tokio::test]
    async fn attempts_and_commits_stand_below_their_run_and_the_spans_of_bodies_below_their_attempts() {
        let spans = exported().await;
        let tree = tree(&spans);
        let below = |line: &str| tree.lines().filter(|other| other.starts_with(line)).count();
        assert_eq!(below("workflow.run workflow=order id=order-1 "), 1, "{tree}");
        assert_eq!(below("workflow.run"), 1, "{tree}");
        assert_eq!(below("  step.run step=charged attempt=1 "), 1, "{tree}");
        assert_eq!(below("  step.run step=charged attempt=2 "), 1, "{tree}");
        assert_eq!(below("    bank.authorise cents=1250 "), 2, "{tree}");
        assert_eq!(below("  step.run step=parcels[0].pack attempt=1 "), 1, "{tree}");
        assert_eq!(below("  step.run step=parcels[1].pack attempt=1 "), 1, "{tree}");
        assert_eq!(below("  step.run step=ship attempt=1 "), 1, "{tree}");
        assert!(below("  store.commit events=") > 4, "{tree}");
        let first = tree.lines().nth(1).unwrap_or_default();
        assert!(first.starts_with("  store.commit "), "an attempt begins when its start is committed: {tree}");
        assert_eq!(tree.lines().count(), spans.len(), "no span is lost: {tree}");
    }
}
