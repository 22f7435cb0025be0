//! How a light run stands: a few numbers for each step, and the queue of those that wait for nothing any more.

use std::collections::HashMap;

use super::table::Table;
use crate::plan::Plan;
use crate::state::StepRef;

/// The place of a step of this run among all.
pub(super) type Cell = u32;

/// No step.
const NONE: Cell = Cell::MAX;

/// How a light run stands.
pub(super) struct State<'r> {
    plan: &'r Plan,
    table: &'r Table,
    cells: Vec<StepCell>,
    root: Instance,
    /// The regions opened in it; the first is number 1.
    instances: Vec<Instance>,
    /// Who waits for a step of a region around.
    waiters: HashMap<Cell, Vec<Waiter>>,
    /// Steps that have ended because a region has, and that of which is not told yet.
    ended: Vec<Cell>,
    /// The queue of steps that wait for nothing; it goes through their cells.
    front: Cell,
    back: Cell,
}

/// Who waits for a step of a region around.
enum Waiter {
    /// A step that uses it.
    Step(Cell),
    /// A region whose value is made of it.
    Region(u32),
}

struct StepCell {
    /// The step as the plan knows it.
    local: u32,
    instance: u32,
    /// How many steps it waits for; how many of its regions have not ended, once it has opened them.
    count: u32,
    /// The next one in the queue.
    next: Cell,
    /// The first region that it has opened.
    opened: u32,
    status: Status,
    has_waiters: bool,
    /// Whether the value is there that is made of those of its regions.
    is_joined: bool,
}

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Its body has not begun.
    Pending,
    /// Its body has, or its regions are open.
    Running,
    /// It has its output.
    Completed,
}

/// An opened region.
pub(super) struct Instance {
    pub(super) region: u32,
    /// The step that opened it; `NONE` for the workflow itself.
    opener: Cell,
    pub(super) item: u32,
    /// Where its steps begin.
    first: Cell,
    /// How many of them have not ended, and of those around of which its value is made.
    open: u32,
    /// How many fan-outs are around its steps.
    pub(super) depth: u32,
    /// The innermost of them, as a step of the plan.
    pub(super) each: u32,
}

impl<'r> State<'r> {
    /// A run that begins.
    pub(super) fn new(plan: &'r Plan, table: &'r Table) -> Self {
        let len = plan.region(0).len;
        let root = Instance { region: 0, opener: NONE, item: 0, first: 0, open: len, depth: 0, each: 0 };
        let (cells, instances) = (Vec::with_capacity(len as usize), Vec::new());
        let mut state = Self {
            plan,
            table,
            cells,
            root,
            instances,
            waiters: HashMap::new(),
            ended: Vec::new(),
            front: NONE,
            back: NONE,
        };
        state.add_cells(0, 0);
        state.activate(0);
        state
    }

    /// Whether all steps have ended.
    pub(super) fn has_ended(&self) -> bool {
        self.root.open == 0
    }

    pub(super) fn instance(&self, cell: Cell) -> &Instance {
        self.numbered(self.cells[cell as usize].instance)
    }

    /// Whether a step is in no region but the workflow itself.
    pub(super) fn is_in_root(&self, cell: Cell) -> bool {
        self.cells[cell as usize].instance == 0
    }

    /// What a region is in the plan.
    pub(super) fn region(&self, instance: u32) -> u32 {
        self.numbered(instance).region
    }

    fn numbered(&self, instance: u32) -> &Instance {
        if instance == 0 { &self.root } else { &self.instances[instance as usize - 1] }
    }

    fn numbered_mut(&mut self, instance: u32) -> &mut Instance {
        if instance == 0 { &mut self.root } else { &mut self.instances[instance as usize - 1] }
    }

    /// How many instances there are.
    fn instances(&self) -> u32 {
        self.instances.len() as u32 + 1
    }

    /// The step as the plan knows it.
    pub(super) fn local(&self, cell: Cell) -> u32 {
        self.cells[cell as usize].local
    }

    /// The step as a record knows it.
    pub(super) fn step(&self, cell: Cell) -> StepRef {
        StepRef::new(self.cells[cell as usize].instance, self.local(cell))
    }

    /// The place of a step that a record knows so.
    pub(super) fn cell(&self, step: StepRef) -> Cell {
        let instance = self.numbered(step.instance);
        instance.first + step.local - self.plan.region(instance.region).first
    }

    /// The steps that opened the regions around this one with the item each stands for, the outermost first.
    pub(super) fn around(&self, cell: Cell) -> Vec<(u32, u32)> {
        let mut around = Vec::new();
        let mut instance = self.instance(cell);
        while instance.opener != NONE {
            around.push((self.local(instance.opener), instance.item));
            instance = self.instance(instance.opener);
        }
        around.reverse();
        around
    }

    /// How many steps there are.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// The item for which a step stands in the innermost fan-out around it.
    pub(super) fn item(&self, cell: Cell) -> u32 {
        let mut instance = self.instance(cell);
        while self.plan.region(instance.region).parent.is_some_and(|parent| parent != instance.each) {
            instance = self.instance(instance.opener);
        }
        instance.item
    }

    /// Where the step stands that one uses which is beside it or in a region inside its own.
    pub(super) fn used(&self, cell: Cell, local: u32) -> Cell {
        self.used_in(self.cells[cell as usize].instance, local)
    }

    /// The same for what is used in this region.
    pub(super) fn used_in(&self, instance: u32, local: u32) -> Cell {
        let region = self.plan.step(local).region;
        let mut instance = self.numbered(instance);
        while instance.region != region {
            instance = self.instance(instance.opener);
        }
        instance.first + local - self.plan.region(region).first
    }

    /// The regions that a step has opened.
    pub(super) fn regions(&self, cell: Cell) -> std::ops::Range<u32> {
        let opened = self.cells[cell as usize].opened.min(self.instances());
        let own = self.instances[opened as usize - 1..].iter().take_while(|instance| instance.opener == cell);
        opened..opened + own.count() as u32
    }

    /// Whether the value is there that is made of those of a step's regions.
    pub(super) fn is_joined(&self, cell: Cell) -> bool {
        self.cells[cell as usize].is_joined
    }

    /// Takes in that it is.
    pub(super) fn join(&mut self, cell: Cell) {
        self.cells[cell as usize].is_joined = true;
    }

    /// All steps with how they stand.
    pub(super) fn all(&self) -> impl Iterator<Item = (Cell, Status)> {
        (0..).zip(self.cells.iter().map(|cell| cell.status))
    }

    /// The step that opened this region, and what the region is in the plan.
    pub(super) fn opener(&self, instance: u32) -> Option<(Cell, u32)> {
        self.instances.get(instance as usize - 1).map(|instance| (instance.opener, instance.region))
    }

    /// The next step that waits for nothing: branches and fan-outs first, then calls in the order in which they became
    /// ready.
    pub(super) fn pop(&mut self) -> Option<Cell> {
        let cell = self.front;
        if cell == NONE {
            return None;
        }
        self.front = self.cells[cell as usize].next;
        if self.front == NONE {
            self.back = NONE;
        }
        Some(cell)
    }

    /// Puts a step back that has not begun.
    pub(super) fn put_back(&mut self, cell: Cell) {
        self.cells[cell as usize].next = self.front;
        self.front = cell;
        if self.back == NONE {
            self.back = cell;
        }
    }

    /// Whether no step waits to begin.
    pub(super) fn is_idle(&self) -> bool {
        self.front == NONE
    }

    /// Takes in that the body of a step begins.
    pub(super) fn begin(&mut self, cell: Cell) {
        self.cells[cell as usize].status = Status::Running;
    }

    /// Opens this region so many times.
    pub(super) fn open(&mut self, cell: Cell, region: u32, items: Option<u32>) {
        let (count, len) = (items.unwrap_or(1), self.plan.region(region).len);
        let (around, local) = (self.instance(cell), self.local(cell));
        let (depth, each) = if items.is_some() { (around.depth + 1, local) } else { (around.depth, around.each) };
        let opened = if count > 0 { self.instances() } else { NONE };
        let this = &mut self.cells[cell as usize];
        (this.status, this.count, this.opened) = (Status::Running, count, opened);
        self.instances.reserve(count as usize);
        self.cells.reserve(count as usize * len as usize);
        for item in 0..count {
            let (instance, first) = (self.instances(), self.cells.len() as Cell);
            self.instances.push(Instance { region, opener: cell, item, first, open: len, depth, each });
            self.add_cells(instance, region);
            self.activate(instance);
            if self.numbered(instance).open == 0 {
                self.cells[cell as usize].count -= 1;
            }
        }
        if self.cells[cell as usize].count == 0 {
            self.complete(cell);
        }
    }

    fn add_cells(&mut self, instance: u32, region: u32) {
        let steps = &self.table.steps;
        self.cells.extend(self.plan.region(region).locals().map(|local| StepCell {
            local,
            instance,
            count: steps[local as usize].needs,
            next: NONE,
            opened: NONE,
            status: Status::Pending,
            has_waiters: false,
            is_joined: false,
        }));
    }

    fn activate(&mut self, instance: u32) {
        let &Instance { region, first, .. } = self.numbered(instance);
        let cell_of = |local: u32| first + local - self.plan.region(region).first;
        let begins = &self.table.begins[region as usize];
        for &(local, outer) in &*begins.outer {
            let cell = cell_of(local);
            if self.wait_for(instance, outer, Waiter::Step(cell)) {
                self.cells[cell as usize].count += 1;
            }
        }
        for &local in &*begins.ready {
            let cell = cell_of(local);
            if self.cells[cell as usize].count == 0 {
                self.enqueue(cell, local);
            }
        }
        for &outer in &*begins.outer_tail {
            if self.wait_for(instance, outer, Waiter::Region(instance)) {
                self.numbered_mut(instance).open += 1;
            }
        }
    }

    /// Lets somebody in this region wait for a step around it. Gives whether that has not ended.
    fn wait_for(&mut self, instance: u32, outer: u32, waiter: Waiter) -> bool {
        let outer = self.used_in(instance, outer);
        let has_ended = self.cells[outer as usize].status == Status::Completed;
        if !has_ended {
            self.cells[outer as usize].has_waiters = true;
            self.waiters.entry(outer).or_default().push(waiter);
        }
        !has_ended
    }

    #[inline]
    fn enqueue(&mut self, cell: Cell, local: u32) {
        if !self.table.steps[local as usize].is_call || self.back == NONE {
            return self.put_back(cell);
        }
        self.cells[self.back as usize].next = cell;
        self.cells[cell as usize].next = NONE;
        self.back = cell;
    }

    #[inline]
    fn met(&mut self, cell: Cell) {
        let this = &mut self.cells[cell as usize];
        this.count -= 1;
        if this.count == 0 {
            let local = this.local;
            self.enqueue(cell, local);
        }
    }

    /// Takes in that a step has its output, and that the regions have ended that end by that.
    #[inline]
    pub(super) fn complete(&mut self, cell: Cell) {
        let mut next = Some(cell);
        while let Some(cell) = next {
            next = self.end(cell).or_else(|| self.ended.pop());
        }
    }

    /// Takes in that a step has ended. Gives the step around it, if that ends by it.
    #[inline]
    fn end(&mut self, cell: Cell) -> Option<Cell> {
        let this = &mut self.cells[cell as usize];
        this.status = Status::Completed;
        let (local, instance, has_waiters) = (this.local, this.instance, this.has_waiters);
        let table = self.table;
        for &next in &*table.steps[local as usize].next {
            self.met(cell + next - local);
        }
        if has_waiters {
            self.tell_waiters(cell);
        }
        self.close(instance)
    }

    fn tell_waiters(&mut self, cell: Cell) {
        for waiter in self.waiters.remove(&cell).unwrap_or_default() {
            match waiter {
                Waiter::Step(cell) => self.met(cell),
                Waiter::Region(instance) => {
                    let around = self.close(instance);
                    self.ended.extend(around);
                }
            }
        }
    }

    /// Takes in that one thing less is open in a region. Gives the step that opened it, if that ends by it.
    #[inline]
    fn close(&mut self, instance: u32) -> Option<Cell> {
        let instance = self.numbered_mut(instance);
        instance.open -= 1;
        if instance.open > 0 || instance.opener == NONE {
            return None;
        }
        let opener = instance.opener;
        let count = &mut self.cells[opener as usize].count;
        *count -= 1;
        (*count == 0).then_some(opener)
    }
}
