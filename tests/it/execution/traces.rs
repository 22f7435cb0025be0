//! A `tracing` subscriber that keeps all that is said to it.

use std::collections::HashMap;
use std::fmt::Debug;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// Clones are the same subscriber.
#[derive(Clone, Default)]
pub(crate) struct Traces(Arc<State>);

#[derive(Default)]
struct State {
    ids: AtomicU64,
    spans: Mutex<HashMap<u64, Span>>,
    entered: Mutex<Vec<u64>>,
    events: Mutex<Vec<String>>,
}

/// A span as it was said.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) name: &'static str,
    /// The fields, `step="a" attempt=1`.
    pub(crate) fields: String,
    /// The name of the span around it.
    pub(crate) parent: Option<&'static str>,
}

/// While there is only one subscriber, `tracing` asks the thread that reaches an event first whether anybody listens,
/// and believes that for all threads. With this one there are always two.
static ANOTHER: OnceLock<Dispatch> = OnceLock::new();

impl Traces {
    /// Listens to this thread until the guard is dropped.
    pub(crate) fn listen() -> (Self, DefaultGuard) {
        ANOTHER.get_or_init(|| Dispatch::new(Self::default()));
        let traces = Self::default();
        let guard = tracing::subscriber::set_default(traces.clone());
        (traces, guard)
    }

    /// The spans of this name, in the order they began.
    pub(crate) fn spans(&self, name: &str) -> Vec<Span> {
        let spans = self.0.spans.lock().unwrap();
        let mut found: Vec<_> = spans.iter().filter(|(_, span)| span.name == name).collect();
        found.sort_unstable_by_key(|(id, _)| **id);
        found.into_iter().map(|(_, span)| span.clone()).collect()
    }

    /// All that was said, as one text.
    pub(crate) fn text(&self) -> String {
        format!("{:?} {:?}", self.0.spans.lock().unwrap(), self.0.events.lock().unwrap())
    }

    /// The events, each with the name of the span it is in.
    pub(crate) fn events(&self) -> Vec<String> {
        self.0.events.lock().unwrap().clone()
    }

    fn current(&self) -> Option<&'static str> {
        let id = self.0.entered.lock().unwrap().last().copied()?;
        self.0.spans.lock().unwrap().get(&id).map(|span| span.name)
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let space = if self.0.is_empty() { "" } else { " " };
        write!(self.0, "{space}{}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Traces {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // What tokio and others say is none of Flow's.
        !metadata.target().starts_with("tokio")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Text(String::new());
        span.record(&mut fields);
        let parent = match span.parent() {
            Some(parent) => self.0.spans.lock().unwrap().get(&parent.into_u64()).map(|span| span.name),
            None if span.is_root() => None,
            None => self.current(),
        };
        let id = self.0.ids.fetch_add(1, Ordering::SeqCst) + 1;
        let span = Span { name: span.metadata().name(), fields: fields.0, parent };
        self.0.spans.lock().unwrap().insert(id, span);
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut fields = Text(String::new());
        values.record(&mut fields);
        if let Some(span) = self.0.spans.lock().unwrap().get_mut(&span.into_u64()) {
            write!(span.fields, " {}", fields.0).unwrap();
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let inside = self.current().unwrap_or_default();
        self.0.events.lock().unwrap().push(format!("{inside}: {}", text.0));
    }

    fn enter(&self, span: &Id) {
        self.0.entered.lock().unwrap().push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        let mut entered = self.0.entered.lock().unwrap();
        if let Some(last) = entered.iter().rposition(|id| *id == span.into_u64()) {
            entered.remove(last);
        }
    }
}
