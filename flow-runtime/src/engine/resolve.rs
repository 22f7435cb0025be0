//! An operator's word on an attempt of which nobody knows how it ended.
//!
//! In: the path of a step that waits for it, and how the attempt ended. Out: a request, durably in the store.

use std::fmt;
use std::sync::Arc;

use super::adopt::Adopting;
use super::attempt::{catch, check_len, encode_value};
use super::drive::reopen;
use super::requests::{AskError, drawn_id, ended, without_modules};
use super::reset::unknown_step;
use super::run::output_type;
use super::tree::Value;
use super::trees::{Spot, Trees};
use super::values::unpacked;
use super::workflows::Registered;
use super::{Engine, json};
use crate::state::{
    DecodeError, EncodeError, Output, Payload, RequestKind, StepRef, Verdict, WaitingOn, WorkflowData, WorkflowId,
};

/// How an attempt ended of which nobody knows: who runs the system has looked, and says.
#[derive(Debug)]
pub enum Resolution {
    /// It had its effect. The step is complete with this output; [`Resolution::done`] makes it.
    Done(Given),
    /// It had no effect. The step is run, once more at most.
    NotDone,
    /// It failed, and this is why. The step fails with this message, which `#[catch]` makes a value.
    Failed(String),
}

/// The output that somebody gives a step.
pub struct Given {
    value: GivenValue,
    type_name: &'static str,
}

enum GivenValue {
    Typed(Value),
    Json(String),
}

impl Resolution {
    /// The attempt had its effect, and this is the output of the step.
    ///
    /// ```
    /// use flow_runtime::engine::Resolution;
    /// assert!(matches!(Resolution::done("receipt 7".to_owned()), Resolution::Done(_)));
    /// ```
    pub fn done<T: Output>(output: T) -> Self {
        let value = GivenValue::Typed(Box::new(output));
        Self::Done(Given { value, type_name: std::any::type_name::<T>() })
    }

    /// The attempt had its effect, and this is the output of the step as JSON, for programs that have not its type. That
    /// it is JSON, and a value of that type, is checked by [`Engine::resolve`], as far as it can be told there: the
    /// workflow is registered, or the type is a number, `bool`, `String` or `()`. In all other cases who drives the run
    /// decodes it, and leaves the step in doubt if it does not fit.
    ///
    /// ```
    /// use flow_runtime::engine::Resolution;
    /// assert!(matches!(Resolution::done_json("{\"receipt\": 7}"), Resolution::Done(_)));
    /// ```
    pub fn done_json(output: impl Into<String>) -> Self {
        Self::Done(Given { value: GivenValue::Json(output.into()), type_name: json::TYPE_NAME })
    }
}

impl<S> Engine<S> {
    /// Says how an attempt of an `at_most_once` step ended whose process crashed in the middle of it, or that was
    /// abandoned. The step waits for this word ([`WaitingOn::Doubt`]), and nothing else ends the wait but a cancellation.
    /// When this returns the word is on disk, for whoever drives the run.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use flow_runtime::engine::{Progress, Resolution};
    /// use flow_runtime::prelude::*;
    ///
    /// #[node(at_most_once)]
    /// async fn launch() -> String {
    ///     std::future::pending().await // nobody hears from it any more
    /// }
    /// workflow! { fn mission() -> String { launch() } }
    ///
    /// let store = InMemoryStore::default();
    /// let engine = Engine::new(store.clone());
    /// let run = mission().start(&engine, "m")?;
    /// # while engine.load(&flow_runtime::WorkflowId::new("m")?).await.is_err() { tokio::task::yield_now().await; }
    /// engine.shutdown(Duration::ZERO).await; // the process ends; another begins
    ///
    /// let engine = Engine::new(store);
    /// let Progress::Parked(waits) = mission().run_until_parked(&engine, "m").await? else { panic!("it is in doubt") };
    /// assert_eq!(waits[0].0, "launch");
    /// // Who runs the system has looked: it is in orbit.
    /// engine.resolve("m", "launch", Resolution::done("in orbit".to_owned())).await?;
    /// assert_eq!(mission().run(&engine, "m").await?, "in orbit");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`AskError::Unknown`] if there is no such run, [`AskError::Ended`] if it has ended, [`AskError::UnknownStep`] and
    /// [`AskError::NotInDoubt`] if no such step waits for a word, [`AskError::OtherOutput`] if the step has outputs of
    /// another type; and if the request cannot be kept.
    pub async fn resolve(&self, id: impl AsRef<str>, step: &str, resolution: Resolution) -> Result<(), AskError> {
        let id = WorkflowId::new(id)?;
        let data = match self.stored(&id).await? {
            None => return Err(AskError::Unknown { id }),
            Some(data) if data.status.is_terminal() => return Err(ended(&data, "Resolve")),
            Some(data) => data,
        };
        let Some(at) = data.find(step) else { return Err(unknown_step(&data, step)) };
        let state = data.step(at);
        let Some(WaitingOn::Doubt(attempt)) = state.waiting.as_deref() else {
            return Err(AskError::NotInDoubt { id, step: step.to_owned(), status: state.status });
        };
        let verdict = match resolution {
            Resolution::Done(given) => Verdict::Done(self.as_output(&data, step, &given).await?),
            Resolution::NotDone => Verdict::NotDone,
            Resolution::Failed(message) => Verdict::Failed(message),
        };
        let kind = RequestKind::Resolve { step: step.to_owned(), attempt: *attempt, verdict };
        self.ask(&id, drawn_id(), kind).await.map(drop)
    }

    /// The value as it is stored, if it can be the output of the step of this path.
    async fn as_output(&self, stored: &WorkflowData, step: &str, given: &Given) -> Result<Payload, AskError> {
        let (data, workflow) = self.as_driven(stored).await;
        let Some(at) = data.find(step) else { return Err(unknown_step(&data, step)) };
        let packing = &self.runner.shared.packing;
        let payload = self.encoded(&data, at, given)?;
        check_len("it", &payload, packing.limit).map_err(|reason| unstorable(&data, at, given, reason))?;
        self.check_output(&data, workflow.as_deref(), at, (given, &payload))?;
        catch(|| packing.pack(payload)).flatten().map_err(|reason| unstorable(&data, at, given, reason))
    }

    fn encoded(&self, data: &WorkflowData, at: StepRef, given: &Given) -> Result<Payload, AskError> {
        match &given.value {
            GivenValue::Json(text) => json::payload(&data.id, text),
            GivenValue::Typed(value) => encode_value(value, self.runner.hold.store.encoding())
                .map_err(|reason| unstorable(data, at, given, reason)),
        }
    }

    /// The record as this engine would go on with it, and with which workflow; as it is stored if it would not.
    pub(super) async fn as_driven(&self, stored: &WorkflowData) -> (WorkflowData, Option<Arc<Registered>>) {
        let runner = &self.runner;
        if let Some(workflow) = runner.workflows.find(&stored.plan.workflow, stored.plan.version) {
            let adopting = Adopting::of(&workflow, &runner.shared, &*runner.hold.store);
            if let Ok(adopted) = adopting.adopt(stored.clone(), stored.updated_at).await {
                return (adopted.data, Some(workflow));
            }
        }
        (stored.clone(), None)
    }

    /// That the step can have this output: by its type if the workflow is known here, else by the type's name.
    fn check_output(
        &self,
        data: &WorkflowData,
        workflow: Option<&Registered>,
        at: StepRef,
        (given, payload): (&Given, &Payload),
    ) -> Result<(), AskError> {
        let (expected, step) = (output_type(&data.plan, at.local), data.path(at));
        let read = self.read_as_output(data, workflow, at, payload);
        if let GivenValue::Json(_) = given.value {
            let read = read.unwrap_or_else(|| json::read_by_name(&expected, payload));
            return read.map_err(|error| json::unfit(data, format!("the output of step `{step}`"), expected, error));
        }
        let short = |name: &str| without_modules(name).split_whitespace().collect::<String>();
        if read.map_or_else(|| short(&expected) == short(given.type_name), |read| read.is_ok()) {
            return Ok(());
        }
        Err(AskError::OtherOutput { id: data.id.clone(), step, expected, sent: given.type_name.to_owned() })
    }

    /// Reads a value as the output of a step; `None` if the workflow is not known here.
    pub(super) fn read_as_output(
        &self,
        data: &WorkflowData,
        workflow: Option<&Registered>,
        at: StepRef,
        payload: &Payload,
    ) -> Option<Result<(), DecodeError>> {
        let input = unpacked(&self.runner.shared.packing, &data.input).ok()?;
        let tree = workflow?.revive(&input).ok()?;
        // What a called workflow was given is known when its caller is driven, and not here.
        let spot = Spot::of(data, at);
        if spot.called.is_some() {
            return None;
        }
        let opener = |step: &StepRef| data.instances[step.instance as usize].opened_by;
        let around: Vec<StepRef> = std::iter::successors(opener(&at), opener).collect();
        let trees = Trees::new(tree);
        around.into_iter().rev().for_each(|opener| reopen(&trees, data, opener));
        Some(trees.of(&spot).decode(spot.at(), payload).map(drop))
    }
}

fn unstorable(data: &WorkflowData, step: StepRef, given: &Given, reason: String) -> AskError {
    let source = EncodeError { type_name: given.type_name, reason };
    AskError::Output { id: data.id.clone(), step: data.path(step), source }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").field("type_name", &self.type_name).finish_non_exhaustive()
    }
}
