//! Changes of the commonest kind, read without a verifier.
//!
//! Nearly all that a long run consists of is steps that start and complete. The verifier asks for each of two dozen
//! fields that an event can have, which takes longer than all else that loading such a run does; this reads the three or
//! four that are there. In: bytes of any origin. Out: the change, or nothing if it is broken or of another kind: then the
//! verifier says what is wrong with it, or it is read as others are.

use bytes::Bytes;
use flatbuffers::VOffsetT;

use super::fb;
use super::names::Named;
use super::value::tagged;
use crate::state::{Ack, CompletedBy, Delta, Event, Payload, StepRef};

/// The fewest bytes of an event: the offsets to it and to its layout, and its step. Bytes that claim more events than
/// that are hostile, and are not to cost many times what they weigh.
const MIN_EVENT: usize = 16;

/// The change, if it is whole and all that happened in it is that steps started and bodies completed them.
pub(super) fn read(all: &Bytes, run_no: u64, seq: u64) -> Option<Delta> {
    let delta = Table::behind(all, 0)?;
    if delta.place(fb::Delta::VT_TAKEN).is_some() {
        return None;
    }
    let (first, len) = delta.vector(fb::Delta::VT_EVENTS)?;
    if len > all.len() / MIN_EVENT {
        return None;
    }
    let mut events = Vec::with_capacity(len);
    for event in 0..len {
        events.push(read_event(all, Table::behind(all, first + event * 4)?)?);
    }
    Some(Delta {
        run_no,
        seq,
        fence: delta.value(fb::Delta::VT_FENCE, [0; 8]).map(u64::from_le_bytes)?,
        at: delta.value(fb::Delta::VT_AT, [0; 8]).map(i64::from_le_bytes)?,
        ack: if delta.byte(fb::Delta::VT_LAZY, 0)? == 0 { Ack::Sync } else { Ack::Lazy },
        events,
        taken: Vec::new(),
    })
}

fn read_event(all: &Bytes, event: Table<'_>) -> Option<Event> {
    let unset = fb::EventArgs::default();
    let place = event.place(fb::Event::VT_STEP)?;
    let step = StepRef::new(number_at(all, place)?, number_at(all, place.checked_add(4)?)?);
    let attempt = event.number(fb::Event::VT_ATTEMPT, unset.attempt)?;
    match fb::EventKind(event.byte(fb::Event::VT_KIND, unset.kind.0)?) {
        fb::EventKind::StepStarted => {
            let phase = fb::Phase(event.byte(fb::Event::VT_PHASE, unset.phase.0)?);
            Some(Event::StepStarted { step, attempt, phase: phase.ours().ok()? })
        }
        fb::EventKind::StepCompleted => {
            let is_by_body = event.byte(fb::Event::VT_BY, unset.by.0)? == fb::CompletedBy::Body.0;
            let writes_data = event.place(fb::Event::VT_DATA).is_some();
            let (by, data) = (CompletedBy::Body, Vec::new());
            (is_by_body && !writes_data).then_some(())?;
            Some(Event::StepCompleted { step, attempt, payload: read_payload(all, event)?, data, by })
        }
        _ => None,
    }
}

fn read_payload(all: &Bytes, event: Table<'_>) -> Option<Payload> {
    let (first, len) = event.vector(fb::Event::VT_PAYLOAD)?;
    let end = first.checked_add(len).filter(|&end| end <= all.len())?;
    let tag = event.number(fb::Event::VT_TAG, fb::EventArgs::default().tag)?;
    tagged(all.slice(first..end), tag).ok()
}

/// A table of which nothing has been verified but that its layout is there: each look at it is checked.
#[derive(Clone, Copy)]
struct Table<'a> {
    all: &'a [u8],
    at: usize,
    layout: &'a [u8],
}

impl<'a> Table<'a> {
    /// The table to which the offset at this place leads.
    fn behind(all: &'a [u8], place: usize) -> Option<Self> {
        let at = place.checked_add(number_at(all, place)? as usize)?;
        let back = i32::from_le_bytes(bytes_at(all, at)?) as isize;
        let layout = all.get(at.checked_add_signed(back.checked_neg()?)?..)?;
        let len = u16::from_le_bytes(bytes_at(layout, 0)?);
        Some(Self { all, at, layout: layout.get(..usize::from(len))? })
    }

    /// Where a field begins, if the table has it.
    fn place(&self, field: VOffsetT) -> Option<usize> {
        let offset = u16::from_le_bytes(bytes_at(self.layout, usize::from(field))?);
        (offset != 0).then(|| self.at.saturating_add(usize::from(offset)))
    }

    /// The bytes of a field, or those of one that is not written.
    fn value<const N: usize>(&self, field: VOffsetT, unset: [u8; N]) -> Option<[u8; N]> {
        self.place(field).map_or(Some(unset), |place| bytes_at(self.all, place))
    }

    fn byte(&self, field: VOffsetT, unset: u8) -> Option<u8> {
        self.value(field, [unset]).map(u8::from_le_bytes)
    }

    fn number(&self, field: VOffsetT, unset: u32) -> Option<u32> {
        self.value(field, unset.to_le_bytes()).map(u32::from_le_bytes)
    }

    /// Where the first element of a vector is, and how many there are said to be.
    fn vector(&self, field: VOffsetT) -> Option<(usize, usize)> {
        let place = self.place(field)?;
        let at = place.checked_add(number_at(self.all, place)? as usize)?;
        Some((at.checked_add(4)?, number_at(self.all, at)? as usize))
    }
}

fn number_at(all: &[u8], place: usize) -> Option<u32> {
    bytes_at(all, place).map(u32::from_le_bytes)
}

fn bytes_at<const N: usize>(all: &[u8], place: usize) -> Option<[u8; N]> {
    all.get(place..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::delta::read_verified;
    use super::super::{Builder, NoPlans, Plans, write_delta};
    use super::*;
    use crate::state::Phase;
    use crate::state::codec::random;

    fn bytes_of(delta: &Delta) -> Vec<u8> {
        write_delta(delta, Plans::Inline).unwrap()
    }

    fn is_common(event: &Event) -> bool {
        match event {
            Event::StepStarted { .. } => true,
            Event::StepCompleted { data, by, .. } => data.is_empty() && *by == CompletedBy::Body,
            _ => false,
        }
    }

    fn common_event() -> impl Strategy<Value = Event> {
        let step = || (any::<u32>(), any::<u32>()).prop_map(|(instance, local)| StepRef::new(instance, local));
        let attempt = || prop_oneof![Just(1), any::<u32>()];
        let phase = prop_oneof![Just(Phase::Do), Just(Phase::Undo)];
        let started = (step(), attempt(), phase);
        let completed = (step(), attempt(), random::payload());
        prop_oneof![
            started.prop_map(|(step, attempt, phase)| Event::StepStarted { step, attempt, phase }),
            completed.prop_map(|(step, attempt, payload)| {
                Event::StepCompleted { step, attempt, payload, data: Vec::new(), by: CompletedBy::Body }
            }),
        ]
    }

    fn common() -> impl Strategy<Value = Delta> {
        let events = prop::collection::vec(common_event(), 0..8);
        (random::delta(), events).prop_map(|(delta, events)| Delta { events, taken: Vec::new(), ..delta })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn what_is_common_is_read_as_it_was_and_nothing_else_is(common in common(), any in random::delta()) {
            let quick = |delta: &Delta| read(&bytes_of(delta).into(), delta.run_no, delta.seq);
            prop_assert_eq!(quick(&common), Some(common));
            let is_common = any.taken.is_empty() && any.events.iter().all(is_common);
            prop_assert_eq!(quick(&any), is_common.then_some(any));
        }

        #[test]
        fn b34_broken_bytes_are_read_as_the_verifier_lets_them_through_or_not_at_all(
            delta in common(),
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = bytes_of(&delta);
            for (at, value) in flips {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            let cut = bytes[..cut.index(bytes.len())].to_vec();
            for bytes in [Bytes::from(bytes), Bytes::from(cut)] {
                if let (Some(quick), Ok(verified)) = (read(&bytes, 7, 3), read_verified(&bytes, 7, 3, &NoPlans)) {
                    prop_assert_eq!(quick, verified);
                }
            }
        }
    }

    #[test]
    fn b34_events_that_share_their_bytes_are_left_to_the_verifier() {
        let read = |times: usize| {
            let mut to = Builder::new();
            let step = fb::StepRef::new(0, 0);
            let args = fb::EventArgs { step: Some(&step), kind: fb::EventKind::StepStarted, ..Default::default() };
            let event = fb::Event::create(&mut to, &args);
            let events = Some(to.create_vector(&vec![event; times]));
            let delta = fb::Delta::create(&mut to, &fb::DeltaArgs { events, ..Default::default() });
            to.finish_minimal(delta);
            read(&Bytes::copy_from_slice(to.finished_data()), 7, 3).map(|delta| delta.events.len())
        };
        assert_eq!(read(1), Some(1));
        assert_eq!(read(1000), None);
    }
}
