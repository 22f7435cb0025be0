//! Taking frames into the index, in the order of the log.
//!
//! In: frames, when the log is opened and after each batch that was written. Out: what each run consists of, and how
//! much of each segment is of use.

use std::sync::{Arc, OnceLock};

use super::format::{Kind, PLAN_BIT};
use super::frame::{Begins, FrameHead, Placed};
use super::grave::{self, Grave, Orphan, Tomb};
use super::index::{Damage, Head, Index, Location, Run, StoredPlan};
use super::segment::Segment;

impl Index {
    /// Takes in the next frame of the log.
    pub(super) fn take(&mut self, frame: Placed, segment: &Arc<Segment>) {
        let Placed { head, offset, len } = frame;
        let location = Location { segment: segment.clone(), offset, len, plan: head.plan };
        match head.kind {
            Kind::Plan => self.take_plan((head.run & !PLAN_BIT) as u32, head.next, location),
            Kind::Deleted => self.bury(head.run, location),
            Kind::Part => self.take_part(&head, location),
            Kind::Delta | Kind::Snapshot => match head.begins.as_deref() {
                Some(begins) => self.begin(begins, &head, location),
                None => self.go_on(&head, location),
            },
        }
    }

    fn take_plan(&mut self, number: u32, digest: u64, location: Location) {
        self.plan_numbers.insert(digest, number);
        self.next_plan = self.next_plan.max(number.saturating_add(1));
        let plan = StoredPlan { copies: Vec::new(), decoded: OnceLock::new() };
        let is_used = self.is_plan_used(number);
        let plan = self.plans.entry(number).or_insert_with(|| Arc::new(plan));
        if is_used {
            location.segment.add_live(location.len);
        }
        Arc::make_mut(plan).copies.push(location);
    }

    fn begin(&mut self, Begins { id, run_no, created_at }: &Begins, head: &FrameHead, location: Location) {
        let (id, run_no, created_at) = (id.clone(), *run_no, *created_at);
        let (graves, before) = self.take_out(head.run);
        let parts = self.parts_of(run_no, before);
        if let Some(other) = self.ids.insert(id.clone(), head.run).filter(|&other| other != head.run) {
            self.remove_run(other).iter().for_each(Run::drop_parts);
        }
        self.add_live(&location);
        let run = Run {
            id,
            run_no,
            head: Head::of(head),
            created_at,
            frames: vec![location],
            changes_bytes: 0,
            damage: None,
            suspect: false,
            graves,
            parts,
        };
        self.runs.insert(head.run, Box::new(run));
    }

    fn go_on(&mut self, head: &FrameHead, location: Location) {
        let Some(run) = self.runs.get_mut(&head.run) else {
            self.orphan(head.run, &location.segment);
            return;
        };
        if head.next != run.head.next + 1 && run.damage.is_none() {
            let reason = format!("changes are missing behind change {}", run.head.next);
            run.damage = Some(Box::new(Damage::at(&location.segment, reason)));
        }
        run.head = Head::of(head);
        run.suspect = false;
        run.changes_bytes += u64::from(location.len);
        location.segment.add_live(location.len);
        let plan = location.plan;
        run.frames.push(location);
        self.count_plan(plan);
    }

    /// Notes a frame of a run whose beginning is not known.
    pub(super) fn orphan(&mut self, number: u64, segment: &Arc<Segment>) {
        let grave = Grave { segment: segment.number, died: self.batch };
        let orphan =
            self.orphans.entry(number).or_insert_with(|| Orphan { segment: segment.clone(), graves: vec![grave] });
        orphan.segment = segment.clone();
        grave::note(&mut orphan.graves, grave);
    }

    fn bury(&mut self, number: u64, location: Location) {
        let (graves, before) = self.take_out(number);
        before.iter().for_each(Run::drop_parts);
        if graves.is_empty() {
            return;
        }
        location.segment.add_live(location.len);
        self.tombs.insert(number, Tomb { location, graves });
    }

    /// Takes out what there is of a run. Gives where its frames stand, which are of no use any more, and the run, whose
    /// parts may still be.
    fn take_out(&mut self, number: u64) -> (Vec<Grave>, Option<Run>) {
        let mut graves = self.orphans.remove(&number).map(|orphan| orphan.graves).unwrap_or_default();
        if let Some(tomb) = self.tombs.remove(&number) {
            tomb.location.segment.drop_live(tomb.location.len);
            tomb.graves.into_iter().for_each(|known| grave::note(&mut graves, known));
        }
        let run = self.remove_run(number);
        if let Some(run) = &run {
            run.graves.iter().for_each(|&known| grave::note(&mut graves, known));
            for frame in &run.frames {
                grave::note(&mut graves, Grave { segment: frame.segment.number, died: self.batch });
            }
        }
        graves.retain(|grave| !self.is_clean(grave));
        (graves, run)
    }

    fn remove_run(&mut self, number: u64) -> Option<Run> {
        let run = *self.runs.remove(&number)?;
        if self.ids.get(&run.id) == Some(&number) {
            self.ids.remove(&run.id);
        }
        for frame in &run.frames {
            frame.segment.drop_live(frame.len);
            self.release_plan(frame.plan);
        }
        Some(run)
    }

    fn add_live(&mut self, location: &Location) {
        location.segment.add_live(location.len);
        self.count_plan(location.plan);
    }

    /// Notes that a frame of use names a plan; 0 is none.
    fn count_plan(&mut self, plan: u32) {
        if plan != 0 {
            let was_used = self.is_plan_used(plan);
            *self.plan_uses.entry(plan).or_default() += 1;
            self.weigh_plan(plan, was_used);
        }
    }

    /// Notes that such a frame is of no use any more.
    fn release_plan(&mut self, plan: u32) {
        if plan != 0 {
            let was_used = self.is_plan_used(plan);
            self.plan_uses.entry(plan).and_modify(|uses| *uses = uses.saturating_sub(1));
            self.weigh_plan(plan, was_used);
        }
    }

    /// The number of the plan whose bytes have this digest, which is then kept although nothing names it yet.
    pub(super) fn pin_plan(&mut self, digest: u64) -> Option<u32> {
        let number = self.plan_numbers.get(&digest).copied()?;
        let was_used = self.is_plan_used(number);
        self.pinned.insert(number);
        self.weigh_plan(number, was_used);
        Some(number)
    }

    pub(super) fn is_plan_used(&self, plan: u32) -> bool {
        self.plan_uses.get(&plan).is_some_and(|&uses| uses > 0) || self.pinned.contains(&plan)
    }

    /// Counts the copies of a plan as of use, or not any more, if that has changed.
    fn weigh_plan(&mut self, plan: u32, was_used: bool) {
        let is_used = self.is_plan_used(plan);
        let copies = self.plans.get(&plan).map(|plan| plan.copies.as_slice()).unwrap_or_default();
        for copy in copies {
            match (was_used, is_used) {
                (false, true) => copy.segment.add_live(copy.len),
                (true, false) => copy.segment.drop_live(copy.len),
                _ => {}
            }
        }
    }
}
