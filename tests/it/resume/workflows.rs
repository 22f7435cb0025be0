//! Workflows with every construct whose nodes write down that they ran. What their nodes give depends on what they
//! get and on nothing else, so that a run that was disturbed must end as one that was not.

use flow_runtime::prelude::*;

use crate::recorder::Ledger;

/// The last value that a `note` above has seen.
const NOTED: Key<u64> = Key::new("noted");

#[node]
pub(crate) async fn work(#[state] ledger: &Ledger, x: u64, cx: &NodeContext) -> u64 {
    ledger.begin(cx).await;
    x + 1
}

#[node(pure)]
pub(crate) async fn think(#[state] ledger: &Ledger, x: u64, cx: &NodeContext) -> u64 {
    ledger.begin(cx).await;
    x * 2
}

#[node(pure)]
pub(crate) async fn list(#[state] ledger: &Ledger, len: u64, cx: &NodeContext) -> Vec<u64> {
    ledger.begin(cx).await;
    (0..len).collect()
}

#[node(retry(times = 3, backoff = "1ms..1ms", jitter = false))]
pub(crate) async fn flaky(#[state] ledger: &Ledger, x: u64, times: u32, cx: &NodeContext) -> Result<u64, String> {
    ledger.begin(cx).await;
    if ledger.fails(cx, times) { Err(format!("not yet {x}")) } else { Ok(x + 1) }
}

#[node]
pub(crate) async fn broken(#[state] ledger: &Ledger, x: u64, cx: &NodeContext) -> Result<u64, String> {
    ledger.begin(cx).await;
    Err(format!("no {x}"))
}

#[node(pure)]
async fn stuck(#[state] ledger: &Ledger, x: u64, cx: &NodeContext) -> Result<u64, String> {
    ledger.begin(cx).await;
    Err(format!("cannot think of {x}"))
}

#[node]
async fn note(#[state] ledger: &Ledger, x: u64, cx: &NodeContext) -> Result<u64, NodeError> {
    ledger.begin(cx).await;
    let before = cx.get(NOTED)?.unwrap_or_default();
    cx.set(NOTED, &(before * 10 + x))?;
    Ok(before)
}

#[node]
pub(crate) async fn sum(#[state] ledger: &Ledger, xs: &[u64], cx: &NodeContext) -> u64 {
    ledger.begin(cx).await;
    xs.iter().sum()
}

#[node]
pub(crate) async fn tell(#[state] ledger: &Ledger, r: &Result<u64, NodeFailure>, cx: &NodeContext) -> String {
    ledger.begin(cx).await;
    match r {
        Ok(x) => format!("{x}"),
        Err(failure) => format!("{}: {}", failure.step, failure.message),
    }
}

#[node]
pub(crate) async fn tell_all(
    #[state] ledger: &Ledger,
    rs: &[Result<u64, NodeFailure>],
    cx: &NodeContext,
) -> Vec<String> {
    ledger.begin(cx).await;
    let told = rs.iter().map(|r| match r {
        Ok(x) => format!("{x}"),
        Err(failure) => format!("{}: {}", failure.step, failure.message),
    });
    told.collect()
}

#[node]
async fn report(
    #[state] ledger: &Ledger,
    one: &str,
    never: &str,
    thought: &str,
    branch: &str,
    each: &[String],
    cx: &NodeContext,
) -> String {
    ledger.begin(cx).await;
    format!("{one}; {never}; {thought}; {branch}; {each:?}")
}

workflow! {
    pub(crate) fn chain(x: u64) -> u64 {
        let a = work(x);
        let b = work(a);
        let c = work(b);
        let d = work(c);
        work(d)
    }

    /// Steps with and without effects, side by side and after one another.
    pub(crate) fn mixed(x: u64) -> u64 {
        let a = think(x);
        let b = think(a);
        let c = work(b);
        let d = think(a);
        let e = #[id = "e_think"] think(d);
        let f = work(x);
        let all = [b.clone(), c, e, f].to_vec();
        sum(all)
    }

    /// Branches on what was computed, one in the arm of another, with arms of every kind.
    pub(crate) fn branches(x: u64) -> u64 {
        let a = work(x);
        let first = match a % 4 {
            0 => work(a),
            1 => { let t = think(a); #[id = "work_t"] work(t) }
            2 => a + 100,
            _ => {
                let deep = if x > 10 { think(x) } else { let low = work(x); low + 1 };
                let after = #[id = "after_deep"] work(deep);
                after
            }
        };
        let second = if let Some(half) = Some(first / 2) && half > 3 { work(half) } else { 0 };
        #[id = "aside"]
        if first > 5 { #[id = "aside_work"] work(first); }
        let both = [first.clone(), second].to_vec();
        sum(both)
    }

    /// Fan-outs: over a list that was computed, in one another, limited, in an arm, and over nothing.
    pub(crate) fn fans(n: u64) -> u64 {
        let xs = list(n);
        let rows = for x in xs {
            let ys = list(x);
            let cells = for y in ys { let c = work(y); c + x };
            sum(cells)
        };
        #[with(concurrency = 2)]
        let limited = for x in xs {
            let t = think(x);
            let odd = if t % 4 == 2 { work(t) } else { t };
            odd + 1
        };
        let none = list(0);
        let nothing = for x in none { work(x) };
        let some = match n {
            0 => 0,
            _ => { let zs = for x in xs { flaky(x, 1) }; #[id = "zs_sum"] sum(zs) }
        };
        let nested = [sum(rows), #[id = "limited_sum"] sum(limited), #[id = "none_sum"] sum(nothing), some].to_vec();
        #[id = "total"]
        sum(nested)
    }

    /// Failures that are values, of calls, branches and items, with retries that help and retries that do not.
    pub(crate) fn catches(n: u64) -> String {
        let xs = list(n);
        #[catch]
        let one = flaky(n, 2);
        #[catch]
        let never = #[id = "never"] flaky(n, 9);
        #[catch]
        let thought = stuck(n);
        #[catch]
        let branch = if n > 2 { let w = work(n); broken(w) } else { #[id = "fine"] work(n) };
        #[catch]
        let each = for x in xs {
            let w = work(x);
            let r = if w % 2 == 0 { broken(w) } else { flaky(w, 1) };
            r + 1
        };
        let told = tell_all(each);
        report(tell(one), #[id = "tell_never"] tell(never), #[id = "tell_thought"] tell(thought),
            #[id = "tell_branch"] tell(branch), told)
    }

    /// What one step writes into the run's data and another reads.
    pub(crate) fn notes(x: u64) -> u64 {
        let a = note(x);
        let b = #[after(a)] #[id = "b_note"] note(x);
        let ys = for y in [a.clone(), b, 7] { note(y) };
        #[id = "ys_sum"]
        sum(ys)
    }

    /// An item in an arm fails after its retries, and nothing catches it.
    pub(crate) fn fails(x: u64) -> u64 {
        let a = work(x);
        let b = if a > 1 {
            #[with(concurrency = 1)]
            let ys = for y in [1, a.clone(), 3] {
                #[id = "either"]
                if y == 2 { flaky(y, 9) } else { work(y) }
            };
            sum(ys)
        } else {
            0
        };
        #[id = "last"]
        work(b)
    }
}
