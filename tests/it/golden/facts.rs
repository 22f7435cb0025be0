//! What the runs of the golden files are: as told by a record, and as it was when the first format was written.

use std::fmt::Write;

use flow_runtime::WorkflowData;
use flow_runtime::state::{Payload, RunOutput};

/// What a run is, for reading by eye.
pub(super) fn summary(data: &WorkflowData) -> String {
    let mut text = String::new();
    let plan = &data.plan;
    writeln!(text, "{} of {} {} {}", data.id, plan.workflow, plan.version, plan.fingerprint).unwrap();
    writeln!(text, "{:?} after {} changes, {:?}", data.status, data.seq, data.metadata).unwrap();
    writeln!(text, "from {} to {}", data.created_at, data.updated_at).unwrap();
    writeln!(text, "input {}", value(&data.input)).unwrap();
    for (path, status) in data.statuses() {
        write!(text, "{path} {status:?}").unwrap();
        if let Some(step) = data.find(&path).map(|step| data.step(step)) {
            write!(text, " {}/{} {}-{}", step.attempts, step.failures, step.started_at, step.ended_at).unwrap();
            step.output.iter().for_each(|output| write!(text, " {}", value(output)).unwrap());
            step.error.iter().for_each(|error| write!(text, " {:?}: {}", error.kind, error.message).unwrap());
        }
        text.push('\n');
    }
    for (key, entries) in &data.data {
        entries.iter().for_each(|entry| {
            writeln!(text, "data {key} of {}: {}", data.path(entry.step), value(&entry.payload)).unwrap();
        });
    }
    match &data.output {
        Some(RunOutput::Step(step)) => writeln!(text, "output of {}", data.path(*step)).unwrap(),
        Some(RunOutput::Payload(payload)) => writeln!(text, "output {}", value(payload)).unwrap(),
        Some(RunOutput::Errors(errors)) => writeln!(text, "{}", errors[0]).unwrap(),
        _ => {}
    }
    text
}

fn value(payload: &Payload) -> String {
    format!("{:?} {}", payload.encoding, payload.bytes.escape_ascii())
}

/// The run that completed.
pub(super) const DONE: &str = r#"
done of golden_order 1 750b39a70a57e0158cd2c8248d7ddc42
Completed after 14 changes, {"customer": "42", "note": "by hand"}
from 1700000000000000000 to 1700000000014000000
input Json [[\"tea\",\"Z\xc3\xbcrich \\\"cups\\\"\"],4,\"do it well\"]
base Completed 2/1 1700000000000000000-1700000000008000000 Json 12
text Completed 0/0 1700000000008000000-1700000000011000000
text.small Bypassed
text.large Completed 1/0 1700000000010000000-1700000000011000000 Raw large at 12
parcels Completed 0/0 1700000000000000000-1700000000006000000
parcels[0].pack Completed 1/0 1700000000003000000-1700000000004000000 Json {\"line\":\"tea\",\"weight\":0.5}
parcels[1].pack Completed 1/0 1700000000005000000-1700000000006000000 Json {\"line\":\"Z\xc3\xbcrich \\\"cups\\\"\",\"weight\":0.5}
insured Failed 1/0 1700000000008000000-1700000000009000000 Error: invalid digit found in string
told Completed 1/0 1700000000012000000-1700000000013000000 Raw not insured: invalid digit found in string
close Completed 1/0 1700000000013000000-1700000000014000000 Raw large at 12, 2 of 1 kg, not insured: invalid digit found in string
data tracking of base: Raw track-4
output of close
"#;

/// The run that failed.
pub(super) const FAILED: &str = r#"
failed of golden_order 1 750b39a70a57e0158cd2c8248d7ddc42
Failed after 14 changes, {"customer": "42", "note": "by hand"}
from 1700000000000000000 to 1700000000014000000
input MessagePack \x93\x92\xa3tea\xaeZ\xc3\xbcrich \"cups\"\x04\xa9refuse it
base Completed 2/1 1700000000000000000-1700000000008000000 MessagePack \x0c
text Completed 0/0 1700000000008000000-1700000000011000000
text.small Bypassed
text.large Completed 1/0 1700000000010000000-1700000000011000000 Raw large at 12
parcels Completed 0/0 1700000000000000000-1700000000006000000
parcels[0].pack Completed 1/0 1700000000003000000-1700000000004000000 MessagePack \x82\xa4line\xa3tea\xa6weight\xcb?\xe0\x00\x00\x00\x00\x00\x00
parcels[1].pack Completed 1/0 1700000000005000000-1700000000006000000 MessagePack \x82\xa4line\xaeZ\xc3\xbcrich \"cups\"\xa6weight\xcb?\xe0\x00\x00\x00\x00\x00\x00
insured Failed 1/0 1700000000008000000-1700000000009000000 Error: invalid digit found in string
told Completed 1/0 1700000000012000000-1700000000013000000 Raw not insured: invalid digit found in string
close Failed 1/0 1700000000013000000-1700000000014000000 Error: the customer has gone
data tracking of base: Raw track-4
step `close` failed at attempt 1: the customer has gone
"#;

/// The run that was interrupted in its last step.
pub(super) const OPEN: &str = r#"
open of golden_order 1 750b39a70a57e0158cd2c8248d7ddc42
Running after 14 changes, {"customer": "42", "note": "by hand"}
from 1700000000000000000 to 1700000000014000000
input MessagePack \x93\x92\xa3tea\xaeZ\xc3\xbcrich \"cups\"\x04\xadleave it open
base Completed 2/1 1700000000000000000-1700000000008000000 MessagePack \x0c
text Completed 0/0 1700000000008000000-1700000000011000000
text.small Bypassed
text.large Completed 1/0 1700000000010000000-1700000000011000000 Raw large at 12
parcels Completed 0/0 1700000000000000000-1700000000006000000
parcels[0].pack Completed 1/0 1700000000003000000-1700000000004000000 MessagePack \x82\xa4line\xa3tea\xa6weight\xcb?\xe0\x00\x00\x00\x00\x00\x00
parcels[1].pack Completed 1/0 1700000000005000000-1700000000006000000 MessagePack \x82\xa4line\xaeZ\xc3\xbcrich \"cups\"\xa6weight\xcb?\xe0\x00\x00\x00\x00\x00\x00
insured Failed 1/0 1700000000008000000-1700000000009000000 Error: invalid digit found in string
told Completed 1/0 1700000000012000000-1700000000013000000 Raw not insured: invalid digit found in string
close Pending 1/0 1700000000013000000-0
data tracking of base: Raw track-4
"#;
