//! Requests: what someone outside asks of a run waits until the run takes it, whether the run is there yet or not.
//!
//! A store that keeps no requests refuses the first as `Unstorable`, and passes each case by having none.

use std::fmt::Display;

use super::expect::{delete, done, holds, lists, must, not_found, save};
use super::place::{OpenStore, Place};
use super::records::{bare, full, id};
use super::together::{MAX_POLLS, THREADS, at_once, drop_after};
use crate::state::{Encoding, Payload, Request, RequestKind, Verdict, WorkflowId};
use crate::store::{StoreError, WorkflowStore};

/// How many requests each thread leaves.
const EACH: usize = 10;

/// A store that keeps requests; none if it says that it does not, which must then be so.
async fn keeping(place: &dyn Place) -> Option<OpenStore> {
    let (store, run) = (place.open().await, id("first"));
    match store.ask(&run, &request("first")).await {
        Err(StoreError::Unstorable { id, .. }) if id == run => {
            waits(&store, &run, &[], "after it said that it keeps none").await;
            are_asked(&store, &[], "after it said that it keeps none").await;
            take(&store, &run, &["first"]).await;
            None
        }
        asked => {
            let instead = "it said that it had this one";
            must(done(asked, format_args!("keep a request for run {run:?}")), "keep the first request", instead);
            take(&store, &run, &["first"]).await;
            Some(store)
        }
    }
}

fn made(id: &str, at: i64, kind: RequestKind) -> Request {
    match Request::new(id, at, kind) {
        Ok(request) => request,
        Err(error) => panic!("the kit's requests are requests: {error}"),
    }
}

fn signal(name: &str, payload: Payload) -> RequestKind {
    RequestKind::Signal { name: name.to_owned(), type_name: "alloc::string::String".to_owned(), payload }
}

fn resolve(id: &str, verdict: Verdict) -> Request {
    made(id, 3, RequestKind::Resolve { step: "charge".to_owned(), attempt: u32::MAX, verdict })
}

/// A signal that says which it is.
fn request(id: &str) -> Request {
    made(id, 52, signal("manager", Payload::new(Encoding::Raw, id.to_owned())))
}

/// Leaves a request there; gives whether it was new.
async fn ask(store: &OpenStore, run: &WorkflowId, request: &Request) -> bool {
    done(store.ask(run, request).await, format_args!("keep request {:?} for run {run:?}", request.id))
}

/// Leaves requests there that are new.
async fn ask_all(store: &OpenStore, run: &WorkflowId, requests: &[Request]) {
    for request in requests {
        let is_new = ask(store, run, request).await;
        let demand = format_args!("keep request {:?} for run {run:?}, which is new", request.id);
        must(is_new, demand, "it said that it had it");
    }
}

async fn take(store: &OpenStore, run: &WorkflowId, ids: &[&str]) {
    let owned: Vec<String> = ids.iter().map(ToString::to_string).collect();
    done(store.take_requests(run, &owned).await, format_args!("forget requests {ids:?} of run {run:?}"));
}

/// That exactly these requests wait for a run, in this order, and as they were.
async fn waits(store: &OpenStore, run: &WorkflowId, expected: &[Request], when: impl Display) {
    let found = done(store.requests(run).await, format_args!("give the requests for run {run:?} {when}"));
    let ids = |requests: &[Request]| requests.iter().map(|request| request.id.clone()).collect::<Vec<_>>();
    let demand = format!("give the requests {:?} for run {run:?}, in this order, {when}", ids(expected));
    must(ids(&found) == ids(expected), demand, format_args!("it gave {:?}", ids(&found)));
    let changed = found.iter().zip(expected).find(|(found, expected)| found != expected);
    if let Some((changed, _)) = changed {
        must(false, "give requests back as they were", format_args!("request {:?} has changed {when}", changed.id));
    }
}

/// That there are requests for exactly these runs.
async fn are_asked(store: &OpenStore, expected: &[&WorkflowId], when: impl Display) {
    let mut expected: Vec<&WorkflowId> = expected.to_vec();
    expected.sort();
    let found = done(store.asked().await, "say for which runs there are requests");
    let demand = format_args!("say, sorted and each once, for which runs there are requests, {expected:?}, {when}");
    must(found.iter().eq(expected.iter().copied()), demand, format_args!("it gave {found:?}"));
}

/// A request comes before its run, which it does not make, and is there when the run is.
pub(super) async fn b52_a_request_waits_for_a_run_that_is_not_there_yet(place: &dyn Place) {
    let Some(store) = keeping(place).await else { return };
    let (run, requests) = (id("later"), [request("1")]);
    ask_all(&store, &run, &requests).await;
    waits(&store, &run, &requests, "before the run is there").await;
    are_asked(&store, &[&run], "before the run is there").await;
    not_found(store.load(&run).await.map(drop), &run, "there is a request for it and it is not there");
    lists(&store, &[], "after something was asked of one that is not there").await;
    save(&store, &bare("later")).await;
    waits(&store, &run, &requests, "after the run has come").await;
    holds(&store, &bare("later"), "beside its requests").await;
}

/// The order is that of their coming, whatever the clocks of their senders said and however they are called.
pub(super) async fn b52_requests_are_given_in_the_order_in_which_they_came(place: &dyn Place) {
    let Some(store) = keeping(place).await else { return };
    let run = id("run");
    let mut sent = Vec::new();
    for (place, name) in (0..).zip(["m", "z", "a", "10", "9", "B", "b", "\u{e9}", "k", "0"]) {
        let at = if place % 2 == 0 { -place } else { place };
        let request = made(name, at, RequestKind::Pause);
        ask_all(&store, &run, std::slice::from_ref(&request)).await;
        sent.push(request);
        waits(&store, &run, &sent, "one after the other").await;
    }
    take(&store, &run, &["z", "9"]).await;
    sent.retain(|request| !["z", "9"].contains(&&*request.id));
    let late = made("z", -100, RequestKind::Resume);
    ask_all(&store, &run, std::slice::from_ref(&late)).await;
    sent.push(late);
    waits(&store, &run, &sent, "after some were taken and one came again").await;
}

/// The same id for the same run is the same request, whatever is in it.
pub(super) async fn b52_a_request_that_comes_again_counts_once(place: &dyn Place) {
    let Some(store) = keeping(place).await else { return };
    let (run, first) = (id("run"), request("1"));
    ask_all(&store, &run, &[first.clone(), request("2")]).await;
    for again in [first.clone(), made("1", 99, RequestKind::Cancel)] {
        let is_new = ask(&store, &run, &again).await;
        must(!is_new, "say of a request that it has that it has it", "it said that it is new");
        waits(&store, &run, &[first.clone(), request("2")], "after one came again").await;
    }
    take(&store, &run, &["1"]).await;
    ask_all(&store, &run, std::slice::from_ref(&first)).await;
    waits(&store, &run, &[request("2"), first], "after one was taken and came again").await;
}

/// All kinds of requests, with times and values at their ends.
pub(super) async fn requests_of_every_kind_come_back(place: &dyn Place) {
    let Some(store) = keeping(place).await else { return };
    let run = id("run");
    let mut coded = Payload::new(Encoding::MessagePack, vec![0xc3]);
    (coded.transform, coded.flags) = (200, 3);
    let requests = [
        made("cancel", i64::MIN, RequestKind::Cancel),
        made("terminate", i64::MAX, RequestKind::Terminate),
        made("pause", 0, RequestKind::Pause),
        made("resume", -1, RequestKind::Resume),
        made("retry", 1, RequestKind::RetryFailed),
        made("retry from", 2, RequestKind::RetryFrom { step: "ys[17].print \0".to_owned() }),
        resolve("done", Verdict::Done(Payload::new(Encoding::Raw, vec![0, 255]))),
        resolve("not done", Verdict::NotDone),
        resolve("failed", Verdict::Failed("no\npower \u{202e}".to_owned())),
        made("json", 1, signal("\u{10ffff}/\0\n", Payload::new(Encoding::Json, "[9007199254740993]"))),
        made("raw", 2, signal("", Payload::new(Encoding::Raw, (0..=255).collect::<Vec<u8>>()))),
        made("empty", 3, signal("a", Payload::new(Encoding::Raw, Vec::new()))),
        made("coded", 4, signal("a", coded)),
    ];
    ask_all(&store, &run, &requests).await;
    waits(&store, &run, &requests, "of every kind").await;
}

/// A signal of several MiB.
pub(super) async fn large_requests_come_back(place: &dyn Place) {
    let Some(store) = keeping(place).await else { return };
    let run = id("run");
    let bytes = |len: usize| (0..len).map(|at| (at % 251) as u8).collect::<Vec<u8>>();
    let sizes = [4096, 65_537, (1 << 22) + 1].map(|len| (len, bytes(len)));
    let requests = sizes.map(|(len, bytes)| made(&len.to_string(), 0, signal("a", Payload::new(Encoding::Raw, bytes))));
    ask_all(&store, &run, &requests).await;
    waits(&store, &run, &requests, "of several MiB").await;
}

/// What was taken is gone, and nothing else.
pub(super) async fn requests_that_are_taken_are_gone_and_others_stay(place: &dyn Place) {
    let Some(store) = keeping(place).await else { return };
    let run = id("run");
    let all: Vec<Request> = ["1", "2", "3", "11", "4"].map(request).into();
    ask_all(&store, &run, &all).await;
    take(&store, &run, &["4", "1"]).await;
    waits(&store, &run, &all[1..4], "after others were taken").await;
    take(&store, &run, &["2", "3"]).await;
    waits(&store, &run, &all[3..4], "after others were taken").await;
    take(&store, &run, &["11"]).await;
    waits(&store, &run, &[], "after all were taken").await;
    are_asked(&store, &[], "after all were taken").await;
}

/// What is not there is as good as taken.
pub(super) async fn taking_requests_that_are_not_there_changes_nothing(place: &dyn Place) {
    let Some(store) = keeping(place).await else { return };
    let (run, other) = (id("run"), id("other"));
    ask_all(&store, &run, &[request("1")]).await;
    ask_all(&store, &other, &[request("2")]).await;
    take(&store, &id("nobody"), &["1", "2"]).await;
    take(&store, &run, &[]).await;
    take(&store, &run, &["2", "", "*", "%", "1 ", "..", "a\0b"]).await;
    take(&store, &other, &["1"]).await;
    waits(&store, &run, &[request("1")], "after one was taken that is another run's").await;
    waits(&store, &other, &[request("2")], "after one was taken that is another run's").await;
    take(&store, &run, &["no", "1", "1"]).await;
    waits(&store, &run, &[], "after it was taken with others that are not there").await;
}

/// Runs whose ids are alike have requests of their own, of the same ids.
pub(super) async fn requests_of_runs_of_like_ids_are_kept_apart(place: &dyn Place) {
    let Some(store) = keeping(place).await else { return };
    let (long, longer) = ("R".repeat(255) + "1", "R".repeat(255) + "2");
    let names =
        ["run", "RUN", "run ", "ru", "run/1", "run.1", "run%", "*", "..", "CON", "\u{e9}", "e\u{301}", &long, &longer];
    let runs = names.map(id);
    for (run, name) in runs.iter().zip(names) {
        ask_all(&store, run, &[made("1", 0, signal(name, Payload::new(Encoding::Raw, Vec::new())))]).await;
    }
    are_asked(&store, &runs.iter().collect::<Vec<_>>(), "under ids that are alike").await;
    for (taken, (run, name)) in runs.iter().zip(names).enumerate() {
        let expected = made("1", 0, signal(name, Payload::new(Encoding::Raw, Vec::new())));
        waits(&store, run, &[expected], "beside those of like ids").await;
        take(&store, run, &["1"]).await;
        are_asked(&store, &runs[taken + 1..].iter().collect::<Vec<_>>(), "after those of others were taken").await;
    }
}

/// Requests of one run whose ids are alike.
pub(super) async fn requests_of_like_ids_are_kept_apart(place: &dyn Place) {
    let Some(store) = keeping(place).await else { return };
    let run = id("run");
    let (long, longer) = ("r".repeat(255) + "1", "r".repeat(255) + "2");
    let names = [
        "a", "A", "a ", " a", "/", "//", "/a", "a/", "..", ".", "../a", "NUL", "\u{e9}", "e\u{301}", "%", "'a'", &long,
        &longer,
    ];
    let mut all: Vec<Request> = names.map(request).into();
    ask_all(&store, &run, &all).await;
    waits(&store, &run, &all, "whose ids are alike").await;
    while let Some(last) = all.pop() {
        take(&store, &run, &[&last.id]).await;
        waits(&store, &run, &all, "after others were taken whose ids are alike").await;
    }
}

/// With its run a request is gone, for the next run of the id too.
pub(super) async fn b39_requests_go_with_their_run(place: &dyn Place) {
    let Some(store) = keeping(place).await else { return };
    let (run, other) = (id("run"), id("other"));
    for data in [full("run"), bare("other")] {
        save(&store, &data).await;
    }
    ask_all(&store, &run, &[request("1"), request("2")]).await;
    ask_all(&store, &other, &[request("1")]).await;
    take(&store, &run, &["1"]).await;
    delete(&store, &run).await;
    waits(&store, &run, &[], "after the run was deleted").await;
    are_asked(&store, &[&other], "after another run was deleted").await;
    drop(store);
    let store = place.open().await;
    save(&store, &bare("run")).await;
    waits(&store, &run, &[], "of the next run of an id").await;
    waits(&store, &other, &[request("1")], "after another run was deleted").await;
    ask_all(&store, &run, &[request("2"), request("1")]).await;
    waits(&store, &run, &[request("2"), request("1")], "of the next run of an id").await;
}

/// A deletion that is dropped half-way takes the run and its requests, or neither.
pub(super) async fn b39_a_dropped_deletion_takes_requests_with_their_run_or_leaves_both(place: &dyn Place) {
    let Some(mut store) = keeping(place).await else { return };
    for polls in 0..MAX_POLLS {
        let (data, requests) = (bare(&format!("polls {polls}")), [request("1"), request("2")]);
        save(&store, &data).await;
        ask_all(&store, &data.id, &requests).await;
        let is_through = drop_after(polls, store.delete(&data.id)).await.is_some();
        for is_reopened in [false, true] {
            if is_reopened {
                drop(store);
                store = place.open().await;
            }
            let is_there = store.load(&data.id).await.is_ok();
            must(!is_there || !is_through, "keep a run away that it deleted", "it is there");
            if !is_there {
                waits(&store, &data.id, &[], "after its deletion was dropped and was done").await;
            } else if is_reopened {
                waits(&store, &data.id, &requests, "after its deletion was dropped and was not done").await;
            }
        }
        if is_through {
            return;
        }
    }
}

/// What was left there lasts.
pub(super) async fn b42_requests_are_there_after_reopening(place: &dyn Place) {
    let Some(mut store) = keeping(place).await else { return };
    let runs = [id("run"), id(&"L".repeat(256))];
    let (first, second) = (request("z"), request("a"));
    for run in &runs {
        ask_all(&store, run, &[first.clone(), second.clone()]).await;
    }
    for _ in 0..2 {
        drop(store);
        store = place.open().await;
        are_asked(&store, &[&runs[0], &runs[1]], "after reopening").await;
        for run in &runs {
            waits(&store, run, &[first.clone(), second.clone()], "after reopening").await;
            must(!ask(&store, run, &first).await, "know a request after reopening", "it said that it is new");
        }
    }
    take(&store, &runs[0], &["z"]).await;
    waits(&store, &runs[0], &[second], "after reopening and taking one").await;
}

/// All that is left at once is kept, that of each sender in its order.
pub(super) async fn b52_requests_that_come_at_once_are_all_kept(place: &dyn Place) {
    let Some(store) = keeping(place).await else { return };
    let run = id("run");
    let (of, to) = (store.clone(), run.clone());
    at_once(THREADS, move |thread| {
        let (store, run) = (of.clone(), to.clone());
        async move {
            for n in 0..EACH {
                ask_all(&store, &run, &[request(&format!("{thread}/{n}"))]).await;
            }
        }
    })
    .await;
    let found = done(store.requests(&run).await, "give requests that came at once");
    let instead = format_args!("there are {} of {}", found.len(), THREADS * EACH);
    must(found.len() == THREADS * EACH, "keep all requests that come at once", instead);
    for thread in 0..THREADS {
        let sent = (0..EACH).map(|n| request(&format!("{thread}/{n}")));
        let of_thread = found.iter().filter(|request| request.id.starts_with(&format!("{thread}/")));
        let demand = "keep the requests of each sender, in its order, when several come at once";
        must(of_thread.cloned().eq(sent), demand, "those of one are others, or in another order");
    }
}

/// Of the same request from several at once one is the first.
pub(super) async fn b52_a_request_that_comes_at_once_from_several_counts_once(place: &dyn Place) {
    let Some(store) = keeping(place).await else { return };
    let run = id("run");
    for round in 0..EACH {
        let (of, to) = (store.clone(), run.clone());
        let answers = at_once(THREADS, move |_| {
            let (store, run) = (of.clone(), to.clone());
            async move { ask(&store, &run, &request(&round.to_string())).await }
        })
        .await;
        let new = answers.iter().filter(|is_new| **is_new).count();
        let demand = "say of one of several that leave the same request at once that its is new";
        must(new == 1, demand, format_args!("it said so of {new}"));
        let found = done(store.requests(&run).await, "give requests that came at once");
        must(
            found.len() == round + 1,
            "keep a request once",
            format_args!("there are {} of {}", found.len(), round + 1),
        );
    }
}

/// A request that is dropped half-way is there whole or not at all, and known when it comes again.
pub(super) async fn b35_a_dropped_request_is_kept_whole_or_not_at_all(place: &dyn Place) {
    let Some(mut store) = keeping(place).await else { return };
    for polls in 0..MAX_POLLS {
        let (run, sent) = (id(&format!("polls {polls}")), request("1"));
        let is_through = drop_after(polls, store.ask(&run, &sent)).await.is_some();
        let found = done(store.requests(&run).await, "give requests after one was dropped");
        must(
            found.is_empty() || found == [sent.clone()],
            "keep a request whole or not at all",
            "a part of it is there",
        );
        must(!is_through || !found.is_empty(), "keep a request that it acknowledged", "it is not there");
        let is_new = ask(&store, &run, &sent).await;
        must(is_new == found.is_empty(), "know a request that comes again after it was dropped", "it did not");
        drop(store);
        store = place.open().await;
        waits(&store, &run, &[sent], "after one was dropped and came again").await;
        if is_through {
            return;
        }
    }
}
