//! takeln, with its SQLite checkpointer. A state is handed from node to node, and stored whole after each.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use harness::gate::Gate;
use harness::shape::{self, RESUMED_STEPS, TEXT_STEPS};
use harness::stored::{Resumable, Stored};
use serde::{Deserialize, Serialize};
use serde_json::json;
use takeln::{Graph, GraphError, NodeOutput, ResumeContext, SqliteCheckpointer, YieldRequest};

#[derive(Clone, Serialize, Deserialize)]
struct State {
    text: String,
    number: u64,
}

type Output = Result<NodeOutput<State>, GraphError>;

/// The name of the node behind the last.
const END: &str = "__END__";

pub(crate) struct Takeln {
    stored: SqliteCheckpointer<State>,
    texts: Graph<State>,
    one: Graph<State>,
    resumed: Arc<Graph<State>>,
    waiting: Graph<State>,
    gate: Gate,
}

fn empty() -> State {
    State { text: String::new(), number: 0 }
}

async fn next(state: State) -> Output {
    Ok(NodeOutput::bare(State { number: shape::next(state.number), ..state }))
}

async fn copied(state: State) -> Output {
    Ok(NodeOutput::bare(State { text: state.text.as_str().to_owned(), number: state.number }))
}

/// A chain of so many nodes, whose last one is at a gate.
fn chain(steps: u64, node: fn(&mut Graph<State>, String), gate: Option<&Gate>) -> Graph<State> {
    let mut graph = Graph::new();
    let name = |step: u64| if step <= steps { format!("s{step}") } else { END.to_owned() };
    for step in 1..=steps {
        match gate {
            Some(gate) if step == steps => gated(&mut graph, name(step), gate),
            _ => node(&mut graph, name(step)),
        }
        graph.add_edge(&name(step), &name(step + 1));
    }
    graph
}

fn gated(graph: &mut Graph<State>, name: String, gate: &Gate) {
    let gate = gate.clone();
    graph.add_simple_fn_node(name, move |state| {
        let gate = gate.clone();
        async move {
            gate.pass().await;
            next(state).await
        }
    });
}

/// A node that asks for a word, and a step after it.
fn waiting(gate: &Gate) -> Graph<State> {
    let mut graph = Graph::new();
    graph.add_fn_node("ask", |context, state: State| async move {
        if context.resumed_input.is_some() {
            return Ok(NodeOutput::bare(state));
        }
        Err(GraphError::Yield(YieldRequest::new("word", "say the word")))
    });
    gated(&mut graph, "go".to_owned(), gate);
    graph.add_edge("ask", "go");
    graph.add_edge("go", END);
    graph
}

impl Stored for Takeln {
    type Setup = ();

    async fn open((): (), dir: &Path) -> Result<Self> {
        let path = dir.join("takeln.db");
        let stored = SqliteCheckpointer::new(path.to_str().context("the folder's name is no text")?)?;
        let gate = Gate::default();
        Ok(Self {
            stored,
            texts: chain(TEXT_STEPS, |graph, name| graph.add_simple_fn_node(name, copied), None),
            one: chain(1, |graph, name| graph.add_simple_fn_node(name, next), None),
            resumed: Arc::new(chain(RESUMED_STEPS, |graph, name| graph.add_simple_fn_node(name, next), Some(&gate))),
            waiting: waiting(&gate),
            gate,
        })
    }

    async fn chain(&self, id: String, text: String) -> Result<String> {
        let state = self.texts.run(&id, State { text, number: 0 }, "s1", &self.stored, None).await?;
        Ok(state.text)
    }
}

impl Resumable for Takeln {
    async fn fill(&self, runs: u64) -> Result<()> {
        for run in 0..runs {
            self.one.run(&format!("stored-{run}"), empty(), "s1", &self.stored, None).await?;
        }
        Ok(())
    }

    /// It keeps no list of what is under way: a run is resumed by its id.
    async fn recover(&self) -> Result<()> {
        Ok(())
    }

    async fn stop_before_last(self, id: &str) -> Result<()> {
        self.gate.close();
        let (graph, stored, id) = (self.resumed, self.stored, id.to_owned());
        let run = tokio::spawn(async move { graph.run(&id, empty(), "s1", &stored, None).await.map(drop) });
        self.gate.reached().await;
        run.abort();
        ensure!(run.await.is_err(), "the run was to be stopped");
        Ok(())
    }

    async fn go_on(self, id: &str) -> Result<Instant> {
        let state = self.resumed.resume(id, &self.stored, None).await?.context("the run is not stored")?;
        ensure!(state.number == RESUMED_STEPS, "the run gave {}", state.number);
        Ok(self.gate.reached().await)
    }

    async fn park(&self, id: &str) -> Result<()> {
        self.waiting.run(id, empty(), "ask", &self.stored, None).await?;
        Ok(())
    }

    async fn wake(&self, id: &str) -> Result<Instant> {
        let by = ResumeContext::new("bench");
        let state = self.waiting.resume_with_input(id, "word", json!("go"), by, &self.stored, None).await?;
        ensure!(state.is_some_and(|state| state.number == 1), "the run gave another number than 1");
        Ok(self.gate.reached().await)
    }
}
