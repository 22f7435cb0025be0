//! Queries: the same runs, in the same order and in the same pages, from every store.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Bound;
use std::sync::Arc;

use super::expect::{commit, delete, done, holds, lists, must, save};
use super::place::{OpenStore, Place};
use super::plans;
use super::records::{self, Run, START, id};
use crate::plan::Fingerprint;
use crate::state::{Event, StepRef, Timestamp, WorkflowData, WorkflowId, WorkflowStatus};
use crate::store::{Page, Query, StoreError, Summary, WorkflowStore, with_causes};

const HOUR: Timestamp = 3_600_000_000_000;

const STATUSES: [WorkflowStatus; 4] =
    [WorkflowStatus::Running, WorkflowStatus::Completed, WorkflowStatus::Failed, WorkflowStatus::Cancelled];

/// Runs of two workflows in several statuses, three of each hour, whose ids are in another order than their times.
fn corpus() -> Vec<WorkflowData> {
    let record = |(n, time): (usize, Timestamp)| {
        let mut data = records::bare(&format!("run {:02}", n * 7 % 24));
        if n.is_multiple_of(2) {
            data.plan = plans::plan("refunds", &plans::calls(1));
        }
        data.status = STATUSES[n / 2 % 4];
        data.created_at = START + time / 3 * HOUR;
        data.updated_at = data.created_at + time;
        let entries = [("customer", ["ada", "bob"][n % 2]), ("queue", ["eu", "us", "asia"][n % 3])];
        data.metadata = entries.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        data
    };
    (0..24).zip(0..).map(record).collect()
}

async fn filled(place: &dyn Place) -> (OpenStore, Vec<WorkflowData>) {
    let (store, corpus) = (place.open().await, corpus());
    for data in &corpus {
        save(&store, data).await;
    }
    (store, corpus)
}

async fn page(store: &OpenStore, query: &Query) -> Page {
    let page = done(store.query(query).await, "answer a query");
    must(page.damaged.is_empty(), "call nothing damaged that is not", "a query found damage");
    page
}

/// All pages of a query, which must be full but for the last.
async fn walk(store: &OpenStore, query: &Query, size: usize) -> Vec<Summary> {
    let (mut runs, mut query) = (Vec::new(), query.clone().page(size));
    loop {
        let page = page(store, &query).await;
        runs.extend(page.runs.iter().cloned());
        let Some(next) = page.next else { break };
        must(page.runs.len() == size, "fill each page but the last", format_args!("one has {}", page.runs.len()));
        must(runs.len() <= 1000, "come to the end of a query", "its pages have no end");
        query = query.after(next);
    }
    runs
}

/// The runs for which this holds, as a query must give them.
fn expected(corpus: &[WorkflowData], wanted: impl Fn(&WorkflowData) -> bool) -> Vec<Summary> {
    let mut runs: Vec<Summary> = corpus.iter().filter(|data| wanted(data)).map(Summary::from).collect();
    runs.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.id.cmp(&b.id)));
    runs
}

/// That a query gives these runs in pages of any size.
async fn gives(store: &OpenStore, query: &Query, expected: &[Summary], what: impl Display) {
    for size in [1000, 7] {
        same(&walk(store, query, size).await, expected, &what);
    }
}

fn same(found: &[Summary], expected: &[Summary], what: impl Display) {
    let ids = |runs: &[Summary]| runs.iter().map(|run| run.id.clone()).collect::<Vec<_>>();
    let demand = format_args!("answer a query {what}");
    let (found_ids, expected_ids) = (ids(found), ids(expected));
    must(found_ids == expected_ids, demand, format_args!("it gave the runs {found_ids:?} and not {expected_ids:?}"));
    let differs = found.iter().zip(expected).find(|(found, expected)| found != expected);
    if let Some((found, _)) = differs {
        must(false, demand, format_args!("the summary of {:?} is not as its record", found.id));
    }
}

/// Every field of a summary, and every run.
pub(super) async fn query_gives_every_run_as_its_record_is(place: &dyn Place) {
    let (store, corpus) = filled(place).await;
    gives(&store, &Query::new(), &expected(&corpus, |_| true), "with every run as its record is").await;
}

/// The order is by the time of creation and then by id, whatever the order of the saves.
pub(super) async fn query_gives_the_newest_first_and_those_of_one_time_by_id(place: &dyn Place) {
    let store = place.open().await;
    let ids = ["b", "a", "B", "ä", "aa", "c"];
    for (n, text) in ids.into_iter().enumerate() {
        let mut data = records::bare(text);
        data.created_at = START + Timestamp::from(n == 5);
        save(&store, &data).await;
    }
    let found: Vec<WorkflowId> = page(&store, &Query::new()).await.runs.into_iter().map(|run| run.id).collect();
    let wanted = ["c", "B", "a", "aa", "b", "ä"].map(id);
    must(found == wanted, "give the newest run first and those of one time by id", format_args!("it gave {found:?}"));
}

/// The name of the workflow, whole.
pub(super) async fn query_of_a_workflow_gives_its_runs(place: &dyn Place) {
    let (store, corpus) = filled(place).await;
    for name in ["orders", "refunds", "order", "ORDERS", ""] {
        let runs = expected(&corpus, |data| data.plan.workflow == name);
        gives(&store, &Query::new().workflow(name), &runs, "with the runs of a workflow").await;
    }
}

/// One status, and several.
pub(super) async fn query_of_statuses_gives_runs_of_each(place: &dyn Place) {
    let (store, corpus) = filled(place).await;
    for status in STATUSES {
        let runs = expected(&corpus, |data| data.status == status);
        gives(&store, &Query::new().status(status), &runs, "with the runs of a status").await;
    }
    let ended = Query::new().status(WorkflowStatus::Completed).status(WorkflowStatus::Failed);
    let runs = expected(&corpus, |data| matches!(data.status, WorkflowStatus::Completed | WorkflowStatus::Failed));
    gives(&store, &ended, &runs, "with the runs of two statuses").await;
}

/// Bounds that belong to the time and bounds that do not.
pub(super) async fn query_of_a_time_keeps_its_ends(place: &dyn Place) {
    let (store, corpus) = filled(place).await;
    let (from, to) = (START + 2 * HOUR, START + 5 * HOUR);
    let open = (Bound::Excluded(from), Bound::Excluded(to));
    let at = |wanted: fn(Timestamp, (Timestamp, Timestamp)) -> bool| {
        expected(&corpus, |data| wanted(data.created_at, (from, to)))
    };
    let what = "with the runs of a time";
    gives(&store, &Query::new().created(from..to), &at(|at, (from, to)| at >= from && at < to), what).await;
    gives(&store, &Query::new().created(from..=to), &at(|at, (from, to)| at >= from && at <= to), what).await;
    gives(&store, &Query::new().created(open), &at(|at, (from, to)| at > from && at < to), what).await;
    gives(&store, &Query::new().created(from..), &at(|at, (from, _)| at >= from), what).await;
    gives(&store, &Query::new().created(..to), &at(|at, (_, to)| at < to), what).await;
}

/// One entry, two entries, and entries that are not there.
pub(super) async fn query_of_metadata_wants_every_entry(place: &dyn Place) {
    let (store, corpus) = filled(place).await;
    let has = |data: &WorkflowData, key: &str, value: &str| data.metadata.get(key).is_some_and(|found| found == value);
    for (key, value) in [("customer", "ada"), ("queue", "us"), ("queue", "ada"), ("Customer", "ada"), ("customer", "")]
    {
        let runs = expected(&corpus, |data| has(data, key, value));
        gives(&store, &Query::new().metadata(key, value), &runs, "with the runs of an entry").await;
    }
    let runs = expected(&corpus, |data| has(data, "customer", "bob") && has(data, "queue", "eu"));
    let both = Query::new().metadata("customer", "bob").metadata("queue", "eu");
    gives(&store, &both, &runs, "with the runs of two entries").await;
}

/// All that can be asked, at once.
pub(super) async fn query_of_several_things_wants_all(place: &dyn Place) {
    let (store, corpus) = filled(place).await;
    let query = Query::new()
        .workflow("orders")
        .status(WorkflowStatus::Completed)
        .status(WorkflowStatus::Running)
        .created(START + HOUR..)
        .metadata("customer", "bob");
    let runs = expected(&corpus, |data| {
        data.plan.workflow == "orders"
            && matches!(data.status, WorkflowStatus::Completed | WorkflowStatus::Running)
            && data.created_at >= START + HOUR
    });
    must(runs.len() > 2, "be asked for something", "the kit asks for nothing");
    gives(&store, &query, &runs, "of several things with the runs that are all of them").await;
}

/// No page is missing where there is no run.
pub(super) async fn query_of_nothing_that_is_there_is_an_empty_page(place: &dyn Place) {
    let store = place.open().await;
    for query in [Query::new(), Query::new().workflow("orders").metadata("a", "b")] {
        let page = page(&store, &query).await;
        let is_empty = page.runs.is_empty() && page.next.is_none();
        must(is_empty, "answer a query of nothing with an empty last page", "there was something in it");
    }
}

/// Pages of every size, over times that several runs share.
pub(super) async fn query_gives_pages_that_neither_repeat_nor_skip(place: &dyn Place) {
    let (store, corpus) = filled(place).await;
    let runs = expected(&corpus, |_| true);
    for size in [1, 2, 3, 5, 12, 23, 24, 25] {
        let what = format_args!("in pages of {size} that neither repeat nor skip");
        same(&walk(&store, &Query::new(), size).await, &runs, what);
    }
}

/// What is there from the first page to the last is given once, whatever else comes and goes.
pub(super) async fn query_goes_on_while_runs_come_and_go(place: &dyn Place) {
    let (store, corpus) = filled(place).await;
    let order: Vec<WorkflowId> = expected(&corpus, |_| true).into_iter().map(|run| run.id).collect();
    let mut seen: BTreeMap<WorkflowId, usize> = BTreeMap::new();
    let mut query = Query::new().page(5);
    for round in 0.. {
        let page = page(&store, &query).await;
        for run in &page.runs {
            *seen.entry(run.id.clone()).or_default() += 1;
        }
        let Some(next) = page.next else { break };
        must(round < 100, "come to the end of a query", "its pages have no end");
        // The run at which the next page begins goes, and others come ahead of it and behind it.
        if let Some(last) = page.runs.last().filter(|_| round < 2) {
            delete(&store, &last.id).await;
            for (name, at) in [("new", START + 100 * HOUR), ("old", START - HOUR)] {
                let mut data = records::bare(&format!("{name} {round}"));
                data.created_at = at;
                save(&store, &data).await;
            }
        }
        query = query.after(next);
    }
    let of = |id: &WorkflowId| seen.get(id).copied().unwrap_or_default();
    if let Some(id) = order.iter().find(|id| of(id) != 1) {
        let found = of(id);
        must(false, "give a run once over all pages", format_args!("it gave {id:?} {found} times"));
    }
}

/// The summary after each commit is that of the record after it.
pub(super) async fn query_sees_each_commit(place: &dyn Place) {
    let store = place.open().await;
    let mut run = records::Run::new("run", &plans::chain(3));
    commit(&store, (&run.first, &run.data)).await;
    for local in 0..4 {
        let (delta, after) = if local < 3 { run.complete(local) } else { run.next(vec![records::ended(2)]) };
        commit(&store, (&delta, &after)).await;
        same(
            &page(&store, &Query::new()).await.runs,
            &[Summary::from(&after)],
            "with a run as its last commit left it",
        );
    }
    let ended = page(&store, &Query::new().status(WorkflowStatus::Completed)).await;
    same(&ended.runs, &[Summary::from(&run.data)], "with a run that has ended");
}

/// A run moves to another version of its workflow, with another output for a step that has completed: it is a run of that
/// version, in its record and in what is said of it without reading that.
pub(super) async fn b44_a_run_that_moved_to_another_version_is_one_of_it(place: &dyn Place) {
    let store = place.open().await;
    let mut run = Run::new("moved", &plans::chain(2));
    commit(&store, (&run.first, &run.data)).await;
    let (delta, after) = run.next(vec![records::started(0), records::completed(0, records::text("done"))]);
    commit(&store, (&delta, &after)).await;
    let mut plan = (*run.data.plan).clone();
    plan.version = 7;
    plan.fingerprint = Fingerprint::of(&plan.workflow, plan.version, &plan.steps, &plan.regions);
    let migrated = Event::StepMigrated { step: StepRef::new(0, 0), payload: records::text("done otherwise") };
    let (delta, after) = run.next(vec![Event::PlanAdopted { plan: Arc::new(plan) }, migrated]);
    commit(&store, (&delta, &after)).await;
    let moved = |when| format!("with the version to which a run has moved{when}");
    holds(&store, &after, "after it moved to another version").await;
    gives(&store, &Query::new(), &[Summary::from(&after)], moved("")).await;
    drop(store);
    let store = place.open().await;
    holds(&store, &after, "after it moved to another version and reopening").await;
    gives(&store, &Query::new(), &[Summary::from(&after)], moved(", after reopening")).await;
}

/// A record that this version does not know how to read, in a store that keeps it as it is: it is named, by listings
/// and by queries, and what is beside it is given. A store may refuse it too, or know how to give it back.
pub(super) async fn b38_what_only_a_newer_version_can_read_hides_nothing(place: &dyn Place) {
    let store = place.open().await;
    let whole = records::bare("whole");
    save(&store, &whole).await;
    let newer = records::changed("of tomorrow", 1, |data| data.format += 1);
    if store.save(&newer).await.is_err() {
        return;
    }
    lists(&store, &[&newer.id, &whole.id], "with one that only a newer version can read").await;
    let can_read = match store.load(&newer.id).await {
        Ok(found) => found == newer,
        Err(StoreError::Newer { .. }) => false,
        Err(error) => {
            return must(false, "call a newer record newer", format_args!("it said: {}", with_causes(&error)));
        }
    };
    let page = done(store.query(&Query::new()).await, "answer a query beside a newer record");
    must(page.runs.contains(&Summary::from(&whole)), "give what it can read beside a newer record", "it is missing");
    let is_given = page.runs.iter().any(|run| run.id == newer.id);
    let is_named = page.damaged.iter().any(|damaged| damaged.reason.contains(newer.id.as_str()));
    must(is_given == can_read && is_named != can_read, "name what it cannot read in a query", "it does not");
}

/// A run that is gone is in no answer.
pub(super) async fn query_sees_no_deleted_run(place: &dyn Place) {
    let (store, corpus) = filled(place).await;
    for data in corpus.iter().step_by(2) {
        delete(&store, &data.id).await;
    }
    let left: Vec<WorkflowData> = corpus.into_iter().skip(1).step_by(2).collect();
    gives(&store, &Query::new(), &expected(&left, |_| true), "without runs that were deleted").await;
}

/// What is asked of a store that was opened again.
pub(super) async fn query_gives_the_same_after_reopening(place: &dyn Place) {
    let (store, corpus) = filled(place).await;
    delete(&store, &corpus[3].id).await;
    drop(store);
    let store = place.open().await;
    let runs = expected(&corpus, |data| data.id != corpus[3].id);
    gives(&store, &Query::new(), &runs, "after reopening as before").await;
}
