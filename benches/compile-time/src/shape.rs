//! Workflows of any number of steps, as source. In: a shape and how many steps. Out: a program with that workflow.

/// How the steps of a workflow hang together.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    /// Whether each step calls a node of its own. The others call the same few.
    own_nodes: bool,
    /// Ten steps of the plan, as lines. What stands in braces: `{n}` the number of the ten, `{in}` what the ten before
    /// gave. They give `x{n}`.
    ten: &'static str,
}

/// All shapes.
pub(crate) const SHAPES: &[Shape] = &[
    Shape {
        name: "chain",
        own_nodes: false,
        ten: "
        let a{n} = next({in});
        let b{n} = next(a{n});
        let c{n} = next(b{n});
        let d{n} = next(c{n});
        let e{n} = next(d{n});
        let f{n} = next(e{n});
        let g{n} = next(f{n});
        let h{n} = next(g{n});
        let i{n} = next(h{n});
        let x{n} = next(i{n});",
    },
    Shape {
        name: "own nodes",
        own_nodes: true,
        ten: "
        let a{n} = node_a{n}({in});
        let b{n} = node_b{n}(a{n});
        let c{n} = node_c{n}(b{n});
        let d{n} = node_d{n}(c{n});
        let e{n} = node_e{n}(d{n});
        let f{n} = node_f{n}(e{n});
        let g{n} = node_g{n}(f{n});
        let h{n} = node_h{n}(g{n});
        let i{n} = node_i{n}(h{n});
        let x{n} = node_j{n}(i{n});",
    },
    Shape {
        name: "wide",
        own_nodes: false,
        ten: "
        let a{n} = next({in});
        let b{n} = next({in});
        let c{n} = next({in});
        let d{n} = next({in});
        let e{n} = sum(a{n}, b{n}, c{n}, d{n});
        let f{n} = sum(b{n}, c{n}, d{n}, {in});
        let g{n} = sum(c{n}, d{n}, a{n} + 1, start);
        let h{n} = sum(d{n}, a{n}, 7, start);
        let i{n} = sum(e{n}, f{n}, g{n}, h{n});
        let x{n} = sum(i{n}, h{n}, g{n}, e{n});",
    },
    Shape {
        name: "branches",
        own_nodes: false,
        ten: "
        let a{n} = choose({in});
        let b{n} = match a{n} {
            Route::Short(way) => next(way),
            Route::Long { way, .. } if way > 3 => {
                let d{n} = next(way);
                other(d{n})
            }
            _ => 7,
        };
        let c{n} = if b{n} > 5 { next(b{n}) } else { other({in}) };
        let f{n} = next(b{n});
        let x{n} = sum(f{n}, c{n}, b{n}, start);",
    },
    Shape {
        name: "fan-outs",
        own_nodes: false,
        ten: "
        let a{n} = list({in});
        let b{n} = for item in a{n} { next(item) };
        let c{n} = list({in});
        let d{n} = for item in c{n} {
            let e{n} = next(item);
            sum(e{n}, item, start, {in})
        };
        let f{n} = total(d{n});
        let g{n} = total(b{n});
        let x{n} = sum(b{n}.len() as u64, f{n}, g{n}, start);",
    },
    Shape {
        name: "destructuring",
        own_nodes: false,
        ten: "
        #[id = \"a{n}\"]
        let (a{n}, b{n}) = split({in});
        #[id = \"c{n}\"]
        let (c{n}, d{n}) = split(a{n});
        #[id = \"e{n}\"]
        let (e{n}, f{n}) = split(b{n});
        #[id = \"g{n}\"]
        let Pair { left: g{n}, right: h{n} } = pair(c{n});
        let i{n} = sum(c{n}, d{n}, e{n}, f{n});
        let j{n} = sum(g{n}, h{n}, a{n}, b{n});
        let k{n} = next(h{n});
        #[id = \"l{n}\"]
        let (l{n}, m{n}) = split(k{n});
        let n{n} = sum(i{n}, j{n}, l{n}, m{n});
        let x{n} = next(n{n});",
    },
    Shape {
        name: "catches",
        own_nodes: false,
        ten: "
        #[catch]
        let a{n} = may_fail({in});
        let b{n} = recover(a{n});
        #[catch]
        let c{n} = may_fail(b{n});
        let d{n} = match c{n} {
            Ok(value) => next(value),
            Err(_) => other({in}),
        };
        #[with(retry(times = 3), timeout = \"1s\")]
        let e{n} = may_fail(d{n});
        let f{n} = next(e{n});
        #[catch]
        let g{n} = may_fail(e{n});
        #[after(f{n})]
        let x{n} = recover(g{n});",
    },
];

/// What all programs have before their workflow.
const NODES: &str = "
use flow_runtime::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub enum Route { Short(u64), Long { way: u64, turns: u64 }, None }

#[derive(Serialize, Deserialize)]
pub struct Pair { left: u64, right: u64 }

#[node]
pub async fn next(value: u64) -> u64 { value + 1 }

#[node]
pub async fn other(value: u64) -> u64 { value + 2 }

#[node]
pub async fn sum(first: u64, second: u64, third: &u64, fourth: &u64) -> u64 { first + second + third + fourth }

#[node]
pub async fn choose(value: u64) -> Route {
    match value % 3 { 0 => Route::Short(value), 1 => Route::Long { way: value, turns: 2 }, _ => Route::None }
}

#[node]
pub async fn list(value: u64) -> Vec<u64> { vec![value, 2] }

#[node]
pub async fn total(values: &[u64]) -> u64 { values.iter().sum() }

#[node]
pub async fn split(value: u64) -> (u64, u64) { (value / 2, value % 2) }

#[node]
pub async fn pair(value: u64) -> Pair { Pair { left: value, right: 1 } }

#[node]
pub async fn may_fail(value: u64) -> Result<u64, std::io::Error> { Ok(value) }

#[node]
pub async fn recover(value: &Result<u64, NodeFailure>) -> u64 { *value.as_ref().unwrap_or(&0) }
";

impl Shape {
    /// The program with a workflow of so many steps, a multiple of ten. It does not compile with another number of them.
    pub(crate) fn program(&self, steps: usize) -> String {
        let (mut nodes, mut body, mut last) = (NODES.to_owned(), String::new(), "start".to_owned());
        for ten in 0..steps / 10 {
            body.push_str(&self.ten.replace("{n}", &ten.to_string()).replace("{in}", &last));
            last = format!("x{ten}");
            if self.own_nodes {
                nodes.extend(('a'..='j').map(|letter| node(letter, ten)));
            }
        }
        format!(
            "{nodes}
workflow! {{
    pub fn work(start: u64) -> u64 {{{body}
        {last}
    }}
}}

const _: () = assert!(matches!(&work::plan().steps, std::borrow::Cow::Borrowed(steps) if steps.len() == {steps}));
"
        )
    }
}

fn node(letter: char, ten: usize) -> String {
    format!("\n#[node]\npub async fn node_{letter}{ten}(value: u64) -> u64 {{ value + 1 }}\n")
}
