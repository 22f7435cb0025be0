//! What is written is read again as it was; what is broken is refused.

use bytes::Bytes;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::flat::{
    NoPlans, Plans, read_delta, read_plan, read_record, read_request, write_delta, write_plan, write_record,
    write_request,
};
use super::{CodecError, random};
use crate::state::{Delta, Event, Payload, Request, RequestKind, WorkflowData};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn plans_come_back_equal(plan in random::plan()) {
        let bytes = Bytes::from(write_plan(&plan).unwrap());
        prop_assert_eq!(read_plan(&bytes).unwrap(), plan);
    }

    #[test]
    fn deltas_come_back_equal(delta in random::delta()) {
        let bytes = Bytes::from(write_delta(&delta, Plans::Inline).unwrap());
        prop_assert_eq!(&read_delta(&bytes, delta.run_no, delta.seq, &NoPlans).unwrap(), &delta);
        let sealed = delta.to_bytes().unwrap();
        prop_assert_eq!(Delta::from_bytes(sealed.clone()).unwrap(), delta);
        let is_no_record = matches!(WorkflowData::from_bytes(sealed), Err(CodecError::Broken { .. }));
        prop_assert!(is_no_record);
    }

    #[test]
    fn b34_a_change_of_which_a_bit_is_flipped_or_the_end_is_lost_is_refused(
        delta in random::delta(),
        at in any::<prop::sample::Index>(),
    ) {
        let sealed = delta.to_bytes().unwrap();
        let mut flipped = sealed.clone();
        let bit = at.index(sealed.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        let cut = sealed[..at.index(sealed.len())].to_vec();
        for bytes in [flipped, cut] {
            let is_refused = matches!(Delta::from_bytes(bytes), Err(CodecError::Broken { .. }));
            prop_assert!(is_refused);
        }
    }

    #[test]
    fn requests_come_back_equal(request in random::request()) {
        let sealed = request.to_bytes().unwrap();
        prop_assert_eq!(Request::from_bytes(sealed.clone()).unwrap(), request);
        let is_no_change = matches!(Delta::from_bytes(sealed), Err(CodecError::Broken { .. }));
        prop_assert!(is_no_change);
    }

    #[test]
    fn b34_bytes_that_are_no_request_are_refused(request in random::request(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = write_request(&request).unwrap();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = read_request(&Bytes::from(bytes));
    }

    #[test]
    fn deltas_find_their_plan(delta in random::delta()) {
        let bytes = Bytes::from(write_delta(&delta, Plans::Beside).unwrap());
        let plan = delta.events.iter().find_map(|event| match event {
            Event::RunCreated(created) => Some(created.plan.clone()),
            Event::PlanAdopted { plan } => Some(plan.clone()),
            _ => None,
        });
        match (plan, read_delta(&bytes, delta.run_no, delta.seq, &NoPlans)) {
            (None, found) => prop_assert_eq!(found.unwrap(), delta),
            (Some(_), found) => {
                let refused = matches!(found, Err(CodecError::Broken { .. }));
                prop_assert!(refused);
            }
        }
    }

    #[test]
    fn b29_records_come_back_equal(record in random::record()) {
        let sealed = record.to_bytes().unwrap();
        prop_assert_eq!(WorkflowData::from_bytes(sealed).unwrap(), record.clone());
        let beside = Bytes::from(write_record(&record, Plans::Beside).unwrap());
        prop_assert_eq!(read_record(&beside, &record.plan).unwrap(), record);
    }

    /// The verifier stands behind the checksum; what gets past both must still never panic.
    #[test]
    fn b34_bytes_that_are_no_record_are_refused(record in random::record(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = write_record(&record, Plans::Inline).unwrap();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(data) = read_record(&Bytes::from(bytes), &NoPlans) {
            let _ = data.statuses();
        }
    }

    #[test]
    fn b34_bytes_that_are_no_delta_are_refused(delta in random::delta(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = write_delta(&delta, Plans::Inline).unwrap();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = read_delta(&Bytes::from(bytes), 0, 0, &NoPlans);
    }
}

fn some_record() -> WorkflowData {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut record = random::record().new_tree(&mut runner).unwrap().current();
    while record.steps.first().is_none_or(|step| step.output.is_none()) {
        record = random::record().new_tree(&mut runner).unwrap().current();
    }
    record
}

#[test]
fn every_flip_of_a_sealed_record_is_found() {
    let sealed = some_record().to_bytes().unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut bytes = sealed.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(WorkflowData::from_bytes(bytes), Err(CodecError::Broken { .. })), "bit {bit}");
    }
}

#[test]
fn every_cut_of_a_sealed_record_is_found() {
    let sealed = some_record().to_bytes().unwrap();
    for len in 0..sealed.len() {
        assert!(matches!(WorkflowData::from_bytes(sealed[..len].to_vec()), Err(CodecError::Broken { .. })), "{len}");
    }
}

fn some_signal() -> Request {
    let payload = Payload::new(crate::state::Encoding::Json, "true");
    let kind = RequestKind::Signal { name: "manager".to_owned(), type_name: "bool".to_owned(), payload };
    Request::new("signal-1", 7, kind).unwrap()
}

#[test]
fn b34_every_flip_and_every_cut_of_a_sealed_request_is_found() {
    let sealed = some_signal().to_bytes().unwrap();
    let flips = (0..sealed.len() * 8).map(|bit| {
        let mut bytes = sealed.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    });
    let cuts = (0..sealed.len()).map(|len| sealed[..len].to_vec());
    for bytes in flips.chain(cuts).chain([[&sealed[..], &[0]].concat()]) {
        assert!(matches!(Request::from_bytes(bytes), Err(CodecError::Broken { .. })));
    }
}

#[test]
fn a_request_whose_id_was_made_none_is_refused() {
    let mut request = some_signal();
    request.id = "a\nb".to_owned();
    let refused = request.to_bytes();
    assert!(matches!(&refused, Err(CodecError::Unstorable { reason }) if reason.contains("control")), "{refused:?}");
}

/// The error of a request of this id and kind, with this name for the kind.
fn of_request(id: Option<&str>, kind: u8, kind_name: Option<&str>) -> String {
    use super::generated::flow as fb;
    let mut to = flatbuffers::FlatBufferBuilder::new();
    let id = id.map(|id| to.create_string(id));
    let kind_name = kind_name.map(|name| to.create_string(name));
    let args = fb::RequestArgs { id, kind: fb::RequestKind(kind), kind_name, ..Default::default() };
    let request = fb::Request::create(&mut to, &args);
    to.finish_minimal(request);
    read_request(&Bytes::copy_from_slice(to.finished_data())).unwrap_err().to_string()
}

#[test]
fn b38_a_request_of_a_newer_version_is_refused_by_name() {
    let newer = "a newer version of Flow is needed: request";
    assert_eq!(
        of_request(Some("a"), 9, Some("Nudge")),
        format!("{newer} (`Nudge`) 9, this version knows request up to 7")
    );
    assert_eq!(of_request(Some("a"), 9, None), format!("{newer} 9, this version knows request up to 7"));
}

#[test]
fn b34_a_request_without_what_it_must_have_is_refused() {
    assert_eq!(of_request(Some("a"), 0, None), "the bytes are broken: there is no payload");
    for id in [None, Some(""), Some("a\nb")] {
        assert!(of_request(id, 1, None).contains("is no id of a request"));
    }
}

#[test]
fn b38_a_record_that_needs_a_newer_reader_is_refused_by_name() {
    let mut sealed = some_record().to_bytes().unwrap();
    sealed[8] = 2;
    let crc = crc32c::crc32c(&sealed[..20]).to_le_bytes();
    sealed[20..24].copy_from_slice(&crc);
    let error = WorkflowData::from_bytes(sealed).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a newer version of Flow is needed: a record of format 2, this version knows formats up to 1"
    );
}

#[test]
fn b38_an_event_of_a_newer_version_is_refused_by_name() {
    use super::generated::flow as fb;
    let mut to = flatbuffers::FlatBufferBuilder::new();
    let name = Some(to.create_string("StepAdopted"));
    let event = fb::Event::create(&mut to, &fb::EventArgs { kind: fb::EventKind(77), name, ..Default::default() });
    let events = Some(to.create_vector(&[event]));
    let delta = fb::Delta::create(&mut to, &fb::DeltaArgs { events, ..Default::default() });
    to.finish_minimal(delta);
    let error = read_delta(&Bytes::copy_from_slice(to.finished_data()), 0, 0, &NoPlans).unwrap_err();
    assert!(matches!(&error, CodecError::Newer { found, .. } if found == "event (`StepAdopted`) 77"), "{error}");
}

/// The error of a record of which these bytes, counted from the beginning of its first step, were changed.
fn with_first_step(at: usize, bytes: &[u8]) -> CodecError {
    use super::generated::flow as fb;
    let mut record = some_record();
    record.steps[0].output = Some(crate::state::Payload::new(crate::state::Encoding::Raw, vec![1, 2, 3]));
    let mut record = write_record(&record, Plans::Inline).unwrap();
    let steps = flatbuffers::root::<fb::Record<'_>>(&record).unwrap().steps().unwrap();
    let at = steps.bytes().as_ptr() as usize - record.as_ptr() as usize + at;
    record[at..at + bytes.len()].copy_from_slice(bytes);
    read_record(&Bytes::from(record), &NoPlans).unwrap_err()
}

#[test]
fn b38_a_status_of_a_newer_version_is_refused() {
    let error = with_first_step(52, &[99]);
    assert!(matches!(&error, CodecError::Newer { found, .. } if found == "step status 99"), "{error}");
}

#[test]
fn b34_outputs_that_are_not_as_long_as_their_steps_say_are_refused() {
    let longer = with_first_step(24, &0x00ff_ffff_u32.to_le_bytes());
    assert_eq!(longer.to_string(), CodecError::broken("the outputs are shorter than they were").to_string());
    let none = with_first_step(24, &[0xff; 4]);
    assert_eq!(none.to_string(), CodecError::broken("there are more outputs than the steps have").to_string());
}

#[test]
fn a_record_beyond_the_limits_is_refused() {
    let mut record = some_record();
    record.metadata.extend((0..1_100_000).map(|n| (n.to_string(), String::new())));
    assert!(matches!(record.to_bytes(), Err(CodecError::Unstorable { .. })));
}

#[test]
fn plans_that_do_not_hold_together_are_refused() {
    let record = some_record();
    let broken = |change: &dyn Fn(&mut crate::plan::Plan)| {
        let mut plan = (*record.plan).clone();
        change(&mut plan);
        matches!(read_plan(&Bytes::from(write_plan(&plan).unwrap())), Err(CodecError::Broken { .. }))
    };
    assert!(broken(&|plan| plan.regions.to_mut().clear()));
    assert!(broken(&|plan| plan.regions.to_mut()[0].len += 1));
    assert!(broken(&|plan| plan.regions.to_mut()[0].first = u32::MAX));
    assert!(broken(&|plan| plan.regions.to_mut()[0].value = Some(u32::MAX)));
    assert!(broken(&|plan| plan.regions.to_mut()[0].parent = Some(0)));
    assert!(broken(&|plan| plan.steps.to_mut()[0].inputs = vec![9999].into()));
    assert!(broken(&|plan| plan.steps.to_mut()[0].next = vec![9999].into()));
    assert!(broken(&|plan| plan.steps.to_mut()[0].region = 9999));
}

#[test]
fn records_that_do_not_hold_together_are_refused() {
    let record = some_record();
    let broken = |change: &dyn Fn(&mut WorkflowData)| {
        let mut record = record.clone();
        change(&mut record);
        let bytes = Bytes::from(write_record(&record, Plans::Inline).unwrap());
        matches!(read_record(&bytes, &NoPlans), Err(CodecError::Broken { .. }))
    };
    assert!(!broken(&|_| ()));
    assert!(broken(&|record| record.instances.clear()));
    assert!(broken(&|record| record.steps.truncate(record.steps.len() - 1)));
    assert!(broken(&|record| record.instances[0].region = 9999));
    assert!(broken(&|record| record.instances[0].first = 1));
    assert!(broken(&|record| record.steps[0].opened = u32::MAX));
    assert!(broken(&|record| record.steps[0].opened_len = 9999));
    assert!(broken(&|record| {
        record.output = Some(crate::state::RunOutput::Step(crate::state::StepRef::new(9, 9999)));
    }));
}
