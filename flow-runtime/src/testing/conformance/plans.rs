//! The plans that the kit's records follow.
//!
//! In: items, nested as regions are. Out: a plan whose parts fit each other, laid out as `workflow!` lays them out.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use fastrand::Rng;

use crate::plan::{Fingerprint, Plan, Policy, Region, Source, Step, StepKind, Undo};

/// A step before its place is known.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) opens: Opens,
    /// The items before it in the same region whose values it uses.
    pub(super) inputs: Vec<usize>,
    /// The items of the region around, before the one that opens this region, whose values it uses.
    pub(super) outer: Vec<usize>,
    /// The items before it in the same region whose values are used by the values of the regions it opens.
    pub(super) values: Vec<usize>,
    pub(super) policy: Policy,
    pub(super) catch: bool,
}

/// What a step opens.
#[derive(Clone)]
pub(super) enum Opens {
    /// Nothing: it calls a node.
    Nothing,
    /// One of these arms, by their labels.
    Arms(Vec<(String, Vec<Item>)>),
    /// Its body, once for each item.
    Body(Vec<Item>),
}

impl Item {
    fn new(id: impl Into<String>, opens: Opens) -> Self {
        let (inputs, outer, values) = (Vec::new(), Vec::new(), Vec::new());
        Self { id: id.into(), opens, inputs, outer, values, policy: Policy::DEFAULT, catch: false }
    }

    pub(super) fn call(id: impl Into<String>) -> Self {
        Self::new(id, Opens::Nothing)
    }

    pub(super) fn branch(id: impl Into<String>, arms: Vec<(&str, Vec<Self>)>) -> Self {
        let arms = arms.into_iter().map(|(label, items)| (label.to_owned(), items)).collect();
        Self::new(id, Opens::Arms(arms))
    }

    pub(super) fn each(id: impl Into<String>, body: Vec<Self>) -> Self {
        Self::new(id, Opens::Body(body))
    }

    pub(super) fn using(mut self, inputs: &[usize]) -> Self {
        self.inputs = inputs.to_vec();
        self
    }

    pub(super) fn using_outer(mut self, outer: &[usize]) -> Self {
        self.outer = outer.to_vec();
        self
    }

    pub(super) fn with_values_of(mut self, values: &[usize]) -> Self {
        self.values = values.to_vec();
        self
    }

    pub(super) fn caught(mut self) -> Self {
        self.catch = true;
        self
    }

    pub(super) fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }
}

/// Calls that do not depend on each other.
pub(super) fn calls(count: usize) -> Vec<Item> {
    (0..count).map(|index| Item::call(format!("step_{index}"))).collect()
}

/// Calls each of which uses the value of the one before.
pub(super) fn chain(count: usize) -> Vec<Item> {
    let mut items = calls(count);
    items.iter_mut().enumerate().skip(1).for_each(|(index, item)| item.inputs = vec![index - 1]);
    items
}

/// Every construct: calls, a branch with three arms, fan-outs, regions in regions, failures that are caught.
pub(super) fn every_construct() -> Vec<Item> {
    let inner = Item::each("parts", vec![Item::call("weigh").using_outer(&[0]), Item::call("pack").using(&[0])]);
    vec![
        Item::call("reserve"),
        Item::call("charge").caught(),
        Item::branch(
            "parcel",
            vec![
                ("Payment::Paid(slip)", vec![Item::call("ship").using_outer(&[1]), inner.using(&[0])]),
                ("Payment::Declined(why)", vec![Item::call("cancel")]),
                ("_", Vec::new()),
            ],
        )
        .using(&[0, 1]),
        Item::each("labels", vec![Item::call("print"), Item::call("stick").using(&[0]).caught()])
            .with_values_of(&[0])
            .caught(),
        Item::call("receipt").using(&[2, 3]),
    ]
}

/// Items of any shape, nested at most twice.
pub(super) fn random(rng: &mut Rng) -> Vec<Item> {
    region(rng, 0, 0)
}

fn region(rng: &mut Rng, depth: usize, around: usize) -> Vec<Item> {
    let least = usize::from(depth == 0);
    (0..rng.usize(least..5)).map(|index| item(rng, depth, around, index)).collect()
}

fn item(rng: &mut Rng, depth: usize, around: usize, index: usize) -> Item {
    let mut some_of = |count: usize| (0..count).filter(|_| rng.u8(0..3) == 0).collect::<Vec<_>>();
    let (inputs, outer, values) = (some_of(index), some_of(around), some_of(index));
    let id = format!("s{index}");
    let item = match rng.u8(0..10) {
        0..2 if depth < 2 => {
            let arms = (0..rng.usize(1..4)).map(|arm| (format!("arm {arm}"), region(rng, depth + 1, index)));
            Item::new(id, Opens::Arms(arms.collect()))
        }
        2..4 if depth < 2 => Item::each(id, region(rng, depth + 1, index)),
        _ => Item::call(id),
    };
    let policy = Policy::DEFAULT.with_pure(rng.bool());
    Item { inputs, outer, values, catch: rng.u8(0..4) == 0, policy, ..item }
}

/// The plan of these items.
pub(super) fn plan(workflow: &str, items: &[Item]) -> Arc<Plan> {
    let mut layout = Layout { steps: Vec::new(), regions: vec![region_of(None, "")] };
    layout.fill(items);
    let Layout { steps, regions } = layout;
    Arc::new(Plan {
        fingerprint: Fingerprint::of(workflow, 1, &steps, &regions),
        workflow: Cow::Owned(workflow.to_owned()),
        version: 1,
        doc: Cow::Borrowed("What the conformance kit runs."),
        input: Cow::Borrowed("order: Order"),
        output: Cow::Borrowed("Receipt"),
        steps: Cow::Owned(steps),
        regions: Cow::Owned(regions),
        source: Source::new("src/orders.rs", 12, 5),
    })
}

struct Layout {
    steps: Vec<Step>,
    regions: Vec<Region>,
}

impl Layout {
    /// Gives steps and regions their places: those of a region behind those of the region around it.
    fn fill(&mut self, root: &[Item]) {
        let mut queue = VecDeque::from([Unplaced { items: root, around: 0, values: &[] }]);
        let mut region = 0;
        while let Some(unplaced) = queue.pop_front() {
            let first = self.steps.len() as u32;
            for item in unplaced.items {
                let kind = self.open(first, item, &mut queue);
                self.add(item, kind, region, (first, unplaced.around));
            }
            self.close(region, first, &unplaced);
            region += 1;
        }
    }

    /// Makes the regions that an item opens; `first` is where the steps of the item's own region begin.
    fn open<'a>(&mut self, first: u32, item: &'a Item, queue: &mut VecDeque<Unplaced<'a>>) -> StepKind {
        let local = self.steps.len() as u32;
        let mut nested = |label: &str, items: &'a [Item]| {
            self.regions.push(region_of(Some(local), label));
            queue.push_back(Unplaced { items, around: first, values: &item.values });
            self.regions.len() as u32 - 1
        };
        match &item.opens {
            Opens::Nothing => {
                let node = Cow::Owned(format!("node_of_{}", item.id));
                StepKind::Call { node, output: Cow::Borrowed("Vec<u8>"), awaits: None }
            }
            Opens::Arms(arms) => {
                let arms = arms.iter().map(|(label, items)| nested(label, items));
                StepKind::Branch { arms: Cow::Owned(arms.collect()) }
            }
            Opens::Body(body) => StepKind::Each { body: nested("", body) },
        }
    }

    fn add(&mut self, item: &Item, kind: StepKind, region: u32, (first, around): (u32, u32)) {
        let local = self.steps.len() as u32;
        let same = item.inputs.iter().map(|&index| first + index as u32);
        let outer = item.outer.iter().map(|&index| around + index as u32);
        let is_undone = matches!(kind, StepKind::Call { .. }) && local.is_multiple_of(2);
        same.clone().for_each(|input| self.steps[input as usize].next.to_mut().push(local));
        self.steps.push(Step {
            id: Cow::Owned(item.id.clone()),
            region,
            kind,
            inputs: same.chain(outer).collect(),
            after: Cow::Borrowed(&[]),
            next: Cow::Borrowed(&[]),
            policy: item.policy,
            catch: item.catch,
            undo: is_undone.then(|| Undo { node: Cow::Owned(format!("undo_{}", item.id)), policy: Policy::DEFAULT }),
            source: Source::new("src/orders.rs", 20 + local, 9),
        });
    }

    fn close(&mut self, region: u32, first: u32, unplaced: &Unplaced<'_>) {
        let len = self.steps.len() as u32 - first;
        let last = (len > 0).then(|| first + len - 1);
        let outer = unplaced.values.iter().map(|&index| unplaced.around + index as u32);
        let region = &mut self.regions[region as usize];
        (region.first, region.len) = (first, len);
        region.value = last.filter(|_| unplaced.values.is_empty());
        region.tail = last.into_iter().chain(outer).collect();
    }
}

/// A region whose steps have no places yet.
struct Unplaced<'a> {
    items: &'a [Item],
    /// Where the steps of the region around begin.
    around: u32,
    /// The items of the region around whose values its own value uses.
    values: &'a [usize],
}

fn region_of(parent: Option<u32>, label: &str) -> Region {
    let label = Cow::Owned(label.to_owned());
    Region { parent, label, first: 0, len: 0, tail: Cow::Borrowed(&[]), value: None }
}
