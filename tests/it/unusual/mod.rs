//! Workflows that are legal and that few would write: odd names, odd expressions, odd shapes. What each gives is
//! compared, so a rewrite that changes a value shows as well as one that does not compile.

#![expect(
    clippy::cast_possible_wrap,
    clippy::ptr_arg,
    clippy::type_complexity,
    reason = "these are workflows as anyone may write them"
)]

mod expressions;
mod names;
mod patterns;
mod regions;

use flow_runtime::{Engine, Ephemeral, NodeFailure, node, workflow};
use serde::{Deserialize, Serialize};

fn engine() -> Ephemeral {
    Engine::ephemeral().build()
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i64,
    y: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Empty,
    Dot(Point),
    Line { from: Point, to: Point },
    Path(Vec<Point>),
}

impl Shape {
    const NONE: Self = Self::Empty;
    fn dots(count: u64) -> Self {
        Self::Path((0..count as i64).map(|x| Point { x, y: 0 }).collect())
    }
}

impl Point {
    const ORIGIN: Self = Self { x: 0, y: 0 };
}

const LIMIT: i64 = 10;
const NAME: &str = "name";
const NOTHING: Vec<u64> = Vec::new();
static TABLE: [i64; 3] = [1, 2, 3];

#[node]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}
#[node]
async fn neg(x: &i64) -> i64 {
    -x
}
#[node]
async fn size(text: &str) -> u64 {
    text.len() as u64
}
#[node]
async fn owned(text: String) -> String {
    text + "!"
}
#[node]
async fn log(_: &str) {}
#[node]
async fn unit(_nothing: ()) {}
#[node]
async fn pair(x: &i64) -> (i64, (String, Option<i64>)) {
    (*x, (x.to_string(), Some(x + 1)))
}
#[node]
async fn count(xs: &[u64]) -> u64 {
    xs.len() as u64
}
#[node]
async fn draw(shape: &Shape) -> String {
    format!("{shape:?}")
}
#[node]
async fn place(Point { x, y }: &Point, mut by: i64, (left, right): (i64, i64)) -> i64 {
    by += x + y;
    by * 100 + left * 10 + right
}
#[node]
async fn bytes(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}
#[node]
async fn range(range: std::ops::Range<i64>) -> i64 {
    range.end - range.start
}
#[node]
async fn first<T: Clone + Serialize + for<'de> Deserialize<'de> + Send + Sync + 'static>(xs: &[T]) -> Option<T> {
    xs.first().cloned()
}
#[node]
async fn sum<const N: usize>(xs: &[i64; N]) -> i64 {
    xs.iter().sum::<i64>() * N as i64
}
#[node]
async fn longer<'a>(a: &'a str, b: &'a str) -> String {
    if a.len() > b.len() { a.to_owned() } else { b.to_owned() }
}
#[node]
async fn zero() -> i64 {
    0
}
/// Its parameter has its own name, and so has the function that judges its failures.
#[node(retry(times = 1, backoff = "1ms", if = temporary))]
async fn own(own: i64, temporary: bool) -> Result<i64, String> {
    if temporary { Err("no".to_owned()) } else { Ok(own) }
}
fn temporary(_: &String) -> bool {
    false
}
/// A type of the user that is called as generated code might call its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Call(i64);
#[node]
async fn calls(call: &Call, calls: Vec<Call>) -> Call {
    Call(call.0 + calls.len() as i64)
}
