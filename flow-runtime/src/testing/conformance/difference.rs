//! Where two records differ, in the names of fields only.

use crate::state::{Payload, StepState, WorkflowData};

/// The fields in which the second record differs from the first, a few of them; `None` if they are equal.
pub(super) fn difference(expected: &WorkflowData, found: &WorkflowData) -> Option<String> {
    if expected == found {
        return None;
    }
    let mut fields = Vec::new();
    collect_fields(expected, found, &mut fields);
    collect_steps(expected, found, &mut fields);
    if fields.is_empty() {
        fields.push("a count that is derived (was `recount` called?)".to_owned());
    }
    let more = fields.len().saturating_sub(6);
    fields.truncate(6);
    let shown = fields.join(", ");
    Some(if more == 0 { shown } else { format!("{shown} and {more} more") })
}

fn collect_fields(expected: &WorkflowData, found: &WorkflowData, fields: &mut Vec<String>) {
    let mut compare = |name: &str, equal: bool| {
        if !equal {
            fields.push(format!("`{name}`"));
        }
    };
    compare("format", expected.format == found.format);
    compare("id", expected.id == found.id);
    compare("run_no", expected.run_no == found.run_no);
    compare("seq", expected.seq == found.seq);
    compare("plan", expected.plan == found.plan);
    compare("metadata", expected.metadata == found.metadata);
    compare("parent", expected.parent == found.parent);
    compare("forked_from", expected.forked_from == found.forked_from);
    compare("status", expected.status == found.status);
    compare("outcome", expected.outcome == found.outcome);
    compare("output", expected.output == found.output);
    compare("asked", expected.asked == found.asked);
    compare("created_at", expected.created_at == found.created_at);
    compare("updated_at", expected.updated_at == found.updated_at);
    compare("data", expected.data == found.data);
    compare("instances", expected.instances == found.instances);
    if expected.input != found.input {
        fields.push(format!("`input`{}", payload_difference(Some(&expected.input), Some(&found.input))));
    }
}

fn collect_steps(expected: &WorkflowData, found: &WorkflowData, fields: &mut Vec<String>) {
    if expected.steps.len() != found.steps.len() {
        fields.push(format!("`steps` ({} for {})", found.steps.len(), expected.steps.len()));
        return;
    }
    for (index, (expected, found)) in expected.steps.iter().zip(&found.steps).enumerate() {
        for field in step_differences(expected, found) {
            fields.push(format!("`steps[{index}].{field}`"));
        }
        if expected.output != found.output {
            let what = payload_difference(expected.output.as_ref(), found.output.as_ref());
            fields.push(format!("`steps[{index}].output`{what}"));
        }
    }
}

fn step_differences(expected: &StepState, found: &StepState) -> Vec<&'static str> {
    [
        ("status", expected.status == found.status),
        ("attempts", expected.attempts == found.attempts),
        ("failures", expected.failures == found.failures),
        ("interruptions", expected.interruptions == found.interruptions),
        ("started_at", expected.started_at == found.started_at),
        ("ended_at", expected.ended_at == found.ended_at),
        ("retry_at", expected.retry_at == found.retry_at),
        ("error", expected.error == found.error),
        ("waiting", expected.waiting == found.waiting),
        ("signal", expected.signal == found.signal),
        ("opened", expected.opened == found.opened),
        ("opened_len", expected.opened_len == found.opened_len),
    ]
    .into_iter()
    .filter_map(|(name, equal)| (!equal).then_some(name))
    .collect()
}

/// How two payloads differ, without their bytes.
fn payload_difference(expected: Option<&Payload>, found: Option<&Payload>) -> String {
    match (expected, found) {
        (Some(expected), Some(found)) if expected.bytes == found.bytes => " (in its tag)".to_owned(),
        (Some(expected), Some(found)) => format!(" ({} bytes for {})", found.bytes.len(), expected.bytes.len()),
        (Some(_), None) => " (which is gone)".to_owned(),
        (None, _) => " (where there was none)".to_owned(),
    }
}
