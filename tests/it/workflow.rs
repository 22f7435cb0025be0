//! Every construct of `workflow!`, run on an engine, its result compared.

#![expect(clippy::ptr_arg, reason = "a node may borrow an output by its very type")]

use flow_runtime::{Engine, NodeFailure, node, workflow};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    total: u64,
    lines: Vec<String>,
    kind: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Payment {
    Paid(u64),
    Declined { why: String },
}

#[node]
async fn reserve(order: &Order) -> u64 {
    order.total / 10
}
#[node]
async fn charge(order: &Order) -> Payment {
    if order.total > 100 { Payment::Declined { why: "too much".to_owned() } } else { Payment::Paid(order.total) }
}
#[node]
async fn ship(order: &Order, stock: &u64, slip: &u64) -> String {
    format!("{}-{stock}-{slip}", order.kind)
}
#[node]
async fn cancel(why: &str) -> String {
    format!("cancelled: {why}")
}
#[node]
async fn print_label(line: &String) -> String {
    format!("<{line}>")
}
#[node]
async fn receipt(parcel: &String, labels: &Vec<String>) -> String {
    format!("{parcel} {}", labels.join(""))
}
#[node]
async fn boom(x: &u64) -> u64 {
    assert!(*x < 5, "boom {x}");
    x * 2
}
#[node]
async fn tell(r: &Result<u64, NodeFailure>) -> String {
    match r {
        Ok(x) => format!("ok {x}"),
        Err(failure) => format!("{}: {}", failure.step, failure.message),
    }
}
#[node]
async fn double(x: &u64) -> u64 {
    x * 2
}

workflow! {
    /// Fulfils one order.
    fn fulfil_order(order: Order) -> String {
        let stock = reserve(order);
        let payment = charge(order);
        let parcel = match payment {
            Payment::Paid(slip) => ship(order, stock, slip),
            Payment::Declined { why } => cancel(why),
        };
        let labels = for line in order.lines { print_label(line) };
        receipt(parcel, labels)
    }

    fn nested(x: u64, y: u64) -> u64 {
        let k = x + y;
        let twice = double(double(k));
        let chosen = if twice > 20 {
            let inner = #[id = "inner_double"] double(twice);
            inner + 1
        } else if y == 3 {
            double(x)
        } else {
            k
        };
        chosen + 0
    }
}

workflow! {
    fn catches(a: u64, b: u64, xs: Vec<u64>) -> Vec<String> {
        #[catch]
        let one = boom(a);
        let told = tell(one);
        #[catch]
        let branch = match b {
            0 => double(b),
            1 | 2 => {
                let inner = boom(b);
                inner
            }
            n if n > 100 => n + a,
            _ => #[id = "other"] boom(b),
        };
        let told_branch = #[id = "tell_branch"] tell(branch);
        #[catch]
        #[with(concurrency = 2)]
        let each = for x in xs { boom(x) };
        let told_each = for r in each { tell(r) };
        #[after(told)]
        all(told, told_branch, told_each)
    }

    fn patterns(pair: (u64, String), kind: String, choice: Option<u64>) -> String {
        let (n, text) = pair;
        let (left, right) = split(n);
        let by_text = match kind.as_str() {
            "a" | "b" => say("letter"),
            other => { #[id = "say_other"] say(other) }
        };
        let both = match (choice, n) {
            (Some(c), 1) => { let c2 = double(c); c2 }
            (Some(c), m) if c > 10 => c + m,
            (_, m) => m.clone(),
        };
        let chained = if let Some(c) = choice && c > 3 && let (0, d) = (c % 2, c / 2) {
            double(d)
        } else {
            0
        };
        let view = match choice { Some(c) => c, None => 7 };
        let listed = [left.clone(), right, both, chained, view].to_vec();
        join(listed, &text, by_text)
    }

    fn loops(grid: Vec<Vec<u64>>, k: u64) -> Vec<Vec<u64>> {
        let rows = for row in grid {
            let base = double(row.len() as u64);
            let cells = for cell in row {
                let d = double(cell);
                let e = match d {
                    0 => base,
                    _ => { let s = sum(d, base); s }
                };
                e + k
            };
            cells
        };
        let plain = for row in rows { let s = total(row); s + 1 };
        #[id = "log"]
        for p in plain { double(p); }
        for_each_tail(rows, plain)
    }

    fn moved_tail(order: Option<u64>) -> u64 {
        #[id = "tail"]
        match order {
            Some(x) if x > 10 => double(x),
            Some(x) => { let y = #[id = "small"] double(x); y + 1 }
            None => 3,
        }
    }

    fn each_tail(xs: Vec<u64>) -> Vec<u64> {
        #[id = "ys"]
        for x in xs {
            #[id = "inner"]
            if x > 2 { double(x) } else { let z = #[id = "again"] double(x); z }
        }
    }

    fn nothing() {}

    fn unit(x: u64) {
        #[id = "maybe"]
        if x > 1 { double(x); }
    }

    fn passes(x: String) -> String { x }

    #[version = 3]
    fn many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8, m: u8, n: u8) -> u8 {
        a + b + c + d + e + f + g + h + i + j + k + l + m + n
    }
}

#[node]
async fn all(told: &String, branch: &String, each: &Vec<String>) -> Vec<String> {
    let mut all = vec![told.clone(), branch.clone()];
    all.extend(each.iter().cloned());
    all
}
#[node]
async fn split(n: &u64) -> (u64, u64) {
    (n / 2, n - n / 2)
}
#[node]
async fn say(text: &str) -> String {
    format!("say {text}")
}
#[node]
async fn join(listed: &Vec<u64>, text: &str, kind: &String) -> String {
    format!("{listed:?} {text} {kind}")
}
#[node]
async fn sum(a: &u64, b: &u64) -> u64 {
    a + b
}
#[node]
async fn total(row: &[u64]) -> u64 {
    row.iter().sum()
}
#[node]
async fn for_each_tail(rows: &Vec<Vec<u64>>, plain: &[u64]) -> Vec<Vec<u64>> {
    let mut rows = rows.clone();
    rows.push(plain.to_vec());
    rows
}

fn engine() -> flow_runtime::Ephemeral {
    Engine::ephemeral().build()
}

#[tokio::test]
async fn a_caught_failure_is_a_value() {
    let told = catches(1, 2, vec![1, 9, 2]).run_ephemeral(&engine()).await.unwrap();
    assert_eq!(told, ["ok 2", "ok 4", "ok 2", "each[1].boom: boom 9", "ok 4"]);
    let told = catches(7, 8, vec![]).run_ephemeral(&engine()).await.unwrap();
    assert_eq!(told, ["one: boom 7", "branch.other: boom 8"]);
    let told = catches(1, 101, vec![]).run_ephemeral(&engine()).await.unwrap();
    assert_eq!(told, ["ok 2", "ok 102"]);
}

#[tokio::test]
async fn patterns_bind_by_reference() {
    let run = async |n, kind: &str, choice| {
        patterns((n, "text".to_owned()), kind.to_owned(), choice).run_ephemeral(&engine()).await.unwrap()
    };
    assert_eq!(run(5, "a", None).await, "[2, 3, 5, 0, 7] text say letter");
    assert_eq!(run(1, "z", Some(4)).await, "[0, 1, 8, 4, 4] text say z");
    assert_eq!(run(3, "z", Some(11)).await, "[1, 2, 14, 0, 11] text say z");
    assert_eq!(run(3, "z", Some(12)).await, "[1, 2, 15, 12, 12] text say z");
}

#[tokio::test]
async fn fan_outs_nest() {
    let rows = loops(vec![vec![0, 1], vec![], vec![5]], 1).run_ephemeral(&engine()).await.unwrap();
    assert_eq!(rows, [vec![5, 7], vec![], vec![13], vec![13, 1, 14]]);
}

#[tokio::test]
async fn a_tail_may_be_a_branch_or_a_fan_out_or_a_name() {
    assert_eq!(moved_tail(Some(20)).run_ephemeral(&engine()).await.unwrap(), 40);
    assert_eq!(moved_tail(Some(2)).run_ephemeral(&engine()).await.unwrap(), 5);
    assert_eq!(moved_tail(None).run_ephemeral(&engine()).await.unwrap(), 3);
    assert_eq!(each_tail(vec![1, 2, 3]).run_ephemeral(&engine()).await.unwrap(), [2, 4, 6]);
    nothing().run_ephemeral(&engine()).await.unwrap();
    unit(2).run_ephemeral(&engine()).await.unwrap();
    assert_eq!(passes("x".to_owned()).run_ephemeral(&engine()).await.unwrap(), "x");
    assert_eq!(many(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2).run_ephemeral(&engine()).await.unwrap(), 15);
    assert_eq!(many::plan().version, 3);
}

#[tokio::test]
async fn the_example_of_the_readme_runs() {
    let engine = Engine::ephemeral().build();
    let order = Order { total: 50, lines: vec!["a".into(), "b".into()], kind: "x".into() };
    assert_eq!(fulfil_order(order.clone()).run_ephemeral(&engine).await.unwrap(), "x-5-50 <a><b>");
    let order = Order { total: 500, ..order };
    assert_eq!(fulfil_order(order).run_ephemeral(&engine).await.unwrap(), "cancelled: too much <a><b>");
    assert_eq!(fulfil_order::plan().steps.len(), 8);
}

#[tokio::test]
async fn nested_calls_views_and_chains_of_if() {
    let engine = Engine::ephemeral().build();
    assert_eq!(nested(5, 3).run_ephemeral(&engine).await.unwrap(), 65);
    assert_eq!(nested(1, 3).run_ephemeral(&engine).await.unwrap(), 2);
    assert_eq!(nested(1, 2).run_ephemeral(&engine).await.unwrap(), 3);
}
