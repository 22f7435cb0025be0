//! Workflows that are legal and that few would write: odd names, odd expressions, odd shapes. What each gives is
//! compared, so a rewrite that changes a value shows as well as one that does not compile.

use std::collections::BTreeMap;

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

mod raw {
    use flow_runtime::{node, workflow};

    #[node]
    pub(super) async fn r#type(r#in: i64) -> i64 {
        r#in + 1
    }
    #[node]
    async fn r#match(r#ref: &i64) -> i64 {
        r#ref * 2
    }
    workflow! {
        pub(in super::super) fn r#loop(r#fn: i64, r#mod: Vec<i64>) -> Vec<i64> {
            let r#struct = r#type(r#fn);
            let r#impl = match r#struct { r#move if r#move > 3 => r#match(r#move), r#move => r#move };
            #[id = "all"]
            for r#use in r#mod { r#match(r#use + r#impl + r#fn) }
        }
    }
}

#[tokio::test]
async fn raw_identifiers_are_names_like_others() {
    assert_eq!(raw::r#loop(3, vec![1, 2]).run_ephemeral(&engine()).await.unwrap(), [24, 26]);
    let plan = raw::r#loop::plan();
    assert_eq!(plan.workflow, "loop");
    assert_eq!(
        plan.steps.iter().map(|step| &*step.id).collect::<Vec<_>>(),
        ["struct", "impl", "all", "match", "match"]
    );
}

mod elsewhere {
    pub(super) mod deep {
        pub(in super::super) use super::super::add as plus;
    }
}
use elsewhere::deep::plus;
use elsewhere::deep::plus as and;

workflow! {
    fn paths(x: i64) -> i64 {
        let a = self::add(x, 1);
        let b = crate::unusual::elsewhere::deep::plus(a, 1);
        let c = super::unusual::raw::r#type(b);
        let d = plus(c, 1);
        and(d, std::primitive::i64::from(1u8))
    }
}

#[tokio::test]
async fn nodes_are_called_by_any_path_and_name() {
    assert_eq!(paths(1).run_ephemeral(&engine()).await.unwrap(), 6);
}

workflow! {
    fn literals(x: i64) -> String {
        let a = add(-5, x);
        let b = neg(-x);
        let c = size("abc");
        let d = size(NAME);
        let e = owned("x".to_owned());
        let f = owned(String::from("y"));
        let g = bytes(b"ab");
        let h = bytes(&[1, 2, 3]);
        let i = #[id = "size2"] size(&"four");
        let j = count(NOTHING);
        let k = neg(TABLE[1]);
        let l = add(LIMIT, i64::MAX - LIMIT);
        let m = add(Point::ORIGIN.x, i64::from(i32::MIN));
        let n = sum::<3>(&TABLE);
        let o = unit(());
        let p = own(7, false);
        let q = place(Point { x, y: 1 }, 5, (x, -1));
        let r = place(Point::ORIGIN, x + 1, (2, 3),);
        #[after(o)]
        join([a, b, c as i64, d as i64, e.len() as i64, f.len() as i64, g.len() as i64, h[2] as i64, i as i64,
              j as i64, k, l, m, n, p, q, r])
    }
}
#[node]
async fn join(all: [i64; 17]) -> String {
    all.map(|one| one.to_string()).join(" ")
}

#[tokio::test]
async fn literals_constants_and_constructors_are_arguments() {
    let all = literals(2).run_ephemeral(&engine()).await.unwrap();
    assert_eq!(all, format!("-3 2 3 4 2 2 2 3 4 0 -2 {} {} 18 7 819 323", i64::MAX, i32::MIN));
}

workflow! {
    fn expressions(p: Point, xs: Vec<u64>, text: String, map: BTreeMap<String, i64>, flag: bool) -> String {
        let a = neg(p.x);
        let (b, (c, d)) = pair(p.y);
        let whole = #[id = "pair2"] pair(a);
        let e = count(&xs[1..]);
        let f = #[id = "count2"] count(&xs[..xs.len() - 1]);
        let g = #[id = "count3"] count(xs[1..2]);
        let h = range(0..b);
        let i = #[id = "range2"] range(-b..b + 1);
        let j = add(xs.iter().sum::<u64>() as i64, xs[0] as i64);
        let k = size(&text[1..]);
        let l = #[id = "size2"] size(text.trim());
        let m = #[id = "size3"] size(&&text);
        let n = #[id = "size4"] size(c);
        let o = add(map["a"], map.get("b").copied().unwrap_or_default());
        let p2 = #[id = "neg2"] neg(if flag && !text.is_empty() || a > 3 { p.x } else { -p.x });
        let q = add(whole.0, whole.1.1.unwrap_or(0));
        let r = add(text.parse::<i64>().unwrap_or(-1), c.parse::<i64>().unwrap_or(-1));
        let s = first::<u64>(xs);
        let t = #[id = "first2"] first::<(i64, String)>([(b, c.clone())]);
        let u = longer(text, c);
        let v: Option<i64> = next(d);
        let Point { x: w, y } = turn(p);
        let [z, .., last] = three(y);
        let unused_but_said = neg(w);
        let _ = log(u.as_str());
        #[id = "log2"]
        log(&u);
        #[id = "log3"]
        log("x");
        let list = [e as i64, f as i64, g as i64, h, i, j, k as i64, l as i64, m as i64, n as i64, o, p2, q, r];
        let rest = (s, t.clone(), v, w, y, z, last, unused_but_said);
        shown(list.to_vec(), &rest, text)
    }
}
#[node]
async fn next(d: &Option<i64>) -> Option<i64> {
    d.map(|d| d + 1)
}
#[node]
async fn turn(p: Point) -> Point {
    Point { x: p.y, y: -p.x }
}
#[node]
async fn three(x: i64) -> [i64; 3] {
    [x, x + 1, x + 2]
}
#[node]
async fn shown(
    list: Vec<i64>,
    rest: &(Option<u64>, Option<(i64, String)>, Option<i64>, i64, i64, i64, i64, i64),
    text: String,
) -> String {
    format!("{list:?} {rest:?} {text}")
}

#[tokio::test]
async fn any_plain_expression_is_an_argument() {
    let map = BTreeMap::from([("a".to_owned(), 5), ("b".to_owned(), 6)]);
    let run = expressions(Point { x: 3, y: 4 }, vec![7, 8, 9], "text".to_owned(), map, true);
    assert_eq!(
        run.run_ephemeral(&engine()).await.unwrap(),
        "[2, 2, 1, 4, 9, 31, 3, 4, 4, 1, 11, -3, -5, 3] \
         (Some(7), Some((4, \"4\")), Some(6), 4, -3, -3, -1, -4) text"
    );
}

workflow! {
    fn patterns(shape: Shape, n: i64, xs: Vec<i64>, name: Option<String>, both: (Option<i64>, Result<i64, String>)) -> Vec<String> {
        let a = match shape {
            Shape::Empty => draw(Shape::NONE),
            Shape::Dot(Point { x: 0, y } | Point { x: y, y: 0 }) => #[id = "axis"] draw(Shape::Dot(Point { x: y, y })),
            dot @ Shape::Dot(_) => #[id = "dot"] draw(dot),
            Shape::Line { from, to: to @ Point { x: 5..=9, .. } } if to.y > from.y => {
                let swapped = Shape::Line { from: to, to: from };
                #[id = "line"]
                draw(&swapped)
            }
            Shape::Line { from: Point { x, .. }, .. } => #[id = "dots"] draw(Shape::dots(x as u64)),
            Shape::Path(points) if points.len() > 1 && points[0] != points[points.len() - 1] => {
                #[id = "ends"] draw(Shape::Line { from: points[0], to: points[points.len() - 1] })
            }
            Shape::Path(_) => #[id = "path"] draw(shape),
        };
        let b = match n {
            i64::MIN..=-1 => said(n, "negative"),
            0 => #[id = "zero"] said(n, "zero"),
            LIMIT => #[id = "limit"] said(n, "limit"),
            small @ (1 | 2 | 3) => #[id = "small"] said(small, "small"),
            m if m % 2 == 0 => #[id = "even"] said(m, "even"),
            _ => #[id = "odd"] said(n, "odd"),
        };
        let c = match xs.as_slice() {
            [] => zero(),
            [one] => neg(one),
            [first, rest @ ..] if rest.len() > 2 => add(first, rest[0]),
            [.., last] => #[id = "last"] neg(last),
        };
        let d = if let Some(text) = name {
            owned(text)
        } else if let Some(x) = both.0 {
            let twice = add(x, x);
            twice.to_string()
        } else if let Some(x) = both.0.or(both.1.as_ref().ok().copied()) && x != 0 {
            #[id = "sign"]
            owned(if x < 0 { "-".to_owned() } else { "+".to_owned() })
        } else if n > 3 && !(n < 5) || xs.is_empty() {
            #[id = "condition"]
            owned(String::new())
        } else {
            String::from("none")
        };
        let e = match both {
            (Some(x), Ok(y)) => #[id = "sum"] add(x, y),
            (None, Ok(y)) | (Some(y), Err(_)) => y,
            (None, Err(ref why)) => { #[id = "length"] length(why) }
        };
        let f = match name.as_deref() {
            Some("a" | "b") => letter('a'),
            Some(text) if text.starts_with('c') => #[id = "first"] letter(text.chars().next().unwrap_or_default()),
            Some(_) => '?',
            None => '-',
        };
        let g = match &shape { Shape::Path(points) => points.len() as i64, Shape::Line { .. } | Shape::Dot(..) => 1, Shape::Empty => 0 };
        let h = match (n > 0, xs.first()) { (true, Some(ref x)) => *x, (true, None) => -1, (false, _) => -2 };
        all([a.clone(), b.clone(), c.to_string(), d.clone(), e.to_string(), f.to_string(), g.to_string(), h.to_string()].to_vec())
    }
}
#[node]
async fn said(n: i64, what: &str) -> String {
    format!("{n} {what}")
}
#[node]
async fn length(text: &String) -> i64 {
    text.len() as i64
}
#[node]
async fn letter(c: char) -> char {
    c.to_ascii_uppercase()
}
#[node]
async fn all(all: Vec<String>) -> Vec<String> {
    all
}

#[tokio::test]
async fn any_pattern_chooses_an_arm() {
    let run = async |shape: Shape, n, xs: &[i64], name: Option<&str>, both: (Option<i64>, Result<i64, &str>)| {
        let both = (both.0, both.1.map_err(str::to_owned));
        let all =
            patterns(shape, n, xs.to_vec(), name.map(str::to_owned), both).run_ephemeral(&engine()).await.unwrap();
        all.join("; ")
    };
    let (p, q, r) = (Point { x: 0, y: 4 }, Point { x: 2, y: 3 }, Point { x: 7, y: 9 });
    let told = run(Shape::Empty, -4, &[], None, (None, Err("why"))).await;
    assert_eq!(told, "Empty; -4 negative; 0; !; 3; -; 0; -2");
    let told = run(Shape::Dot(p), 0, &[5], Some("a"), (Some(1), Ok(2))).await;
    assert_eq!(told, "Dot(Point { x: 4, y: 4 }); 0 zero; -5; a!; 3; A; 1; -2");
    let told = run(Shape::Dot(q), 10, &[5, 6], Some("cd"), (Some(1), Err(""))).await;
    assert_eq!(told, "Dot(Point { x: 2, y: 3 }); 10 limit; -6; cd!; 1; C; 1; 5");
    let told = run(Shape::Line { from: q, to: r }, 2, &[5, 6, 7, 8], None, (Some(4), Ok(0))).await;
    assert_eq!(told, "Line { from: Point { x: 7, y: 9 }, to: Point { x: 2, y: 3 } }; 2 small; 11; 8; 4; -; 1; 5");
    let told = run(Shape::Line { from: q, to: p }, 8, &[5], None, (None, Ok(-3))).await;
    assert_eq!(told, "Path([Point { x: 0, y: 0 }, Point { x: 1, y: 0 }]); 8 even; -5; -!; -3; -; 1; 5");
    let told = run(Shape::Path(vec![p, q, r]), 5, &[1], None, (None, Ok(0))).await;
    assert_eq!(told, "Line { from: Point { x: 0, y: 4 }, to: Point { x: 7, y: 9 } }; 5 odd; -1; !; 0; -; 3; 1");
    let told = run(Shape::Path(vec![p]), 3, &[1], None, (None, Ok(0))).await;
    assert_eq!(told, "Path([Point { x: 0, y: 4 }]); 3 small; -1; none; 0; -; 1; 1");
}

mod attributes {
    use flow_runtime::{node, workflow};

    #[cfg(any())]
    #[node]
    async fn gone() -> NoSuchType {}

    #[cfg(all())]
    #[doc(hidden)]
    #[node]
    #[must_use]
    pub(super) async fn here(#[allow(unused_variables)] x: u64) -> u64 {
        1
    }

    workflow! {
        /// Not compiled, so nothing in it need be there.
        #[cfg(any())]
        fn gone_too(x: NoSuchType) -> u64 { no_such_node(x) }

        #[cfg(all())]
        #[must_use]
        #[expect(unused_variables, reason = "an output that nobody uses")]
        pub(super) fn here_too(x: u64) -> u64 {
            let nobody = here(x);
            #[id = "there"]
            here(x)
        }

        #[allow(unused)]
        pub(super) fn one_let(x: u64) -> u64 {
            #[expect(unused_variables)]
            let nobody = here(x);
            let (_, _nobody_either) = (x, x);
            #[id = "there"]
            here(x)
        }

        #[deprecated]
        #[version = 2]
        #[doc = concat!("Written ", "by a macro.")]
        /** A block
         comment. */
        pub fn block_comment() {}
    }
}

#[tokio::test]
async fn attributes_mean_what_they_mean_on_functions() {
    assert_eq!(attributes::here_too(1).run_ephemeral(&engine()).await.unwrap(), 1);
    assert_eq!(attributes::one_let(1).run_ephemeral(&engine()).await.unwrap(), 1);
    #[expect(deprecated)]
    attributes::block_comment().run_ephemeral(&engine()).await.unwrap();
    assert_eq!(attributes::block_comment::plan().version, 2);
}

/// Names of Rust's prelude and of ours, meaning something else.
mod shadowed {
    #![allow(dead_code, unused_macros)]
    use flow_runtime::{node, workflow};
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Option(pub(super) u64);
    #[derive(Clone, Copy)]
    struct Vec;
    struct String;
    struct Box;
    struct Arc;
    struct Result;
    struct Plan;
    struct Policy;
    struct Node;
    struct Workflow;
    struct Invocation;
    trait Clone {}
    trait Send {}
    trait Sync {}
    trait Default {}
    trait Future {}
    const PLAN: u64 = 1;
    const STEPS: u64 = 2;
    const REGIONS: u64 = 3;
    fn drop() {}
    fn step_0() {}
    mod core {}
    mod std {}
    mod flow_runtime_ {}
    macro_rules! stringify {
        () => {};
    }
    macro_rules! assert {
        () => {};
    }
    macro_rules! file {
        () => {};
    }

    /// Methods on everything, by value, so that they are found before any that borrows.
    pub(super) trait Greedy: Sized {
        fn get(self) {}
        fn set(self) {}
        fn open(self) {}
        fn entered(self) {}
        fn item(self) {}
        fn or(self) {}
        fn at(self) {}
        fn is_open(self) {}
        fn take(self) {}
        fn call(self) {}
        fn state(self) {}
    }
    impl<T> Greedy for T {}

    #[node]
    async fn some(#[state] base: &u64, option: &Option) -> Option {
        Option(option.0 + base)
    }

    workflow! {
        pub(super) fn none(option: Option, list: ::std::vec::Vec<Option>) -> ::std::vec::Vec<Option> {
            let value_1 = some(option);
            let value_2 = match value_1 {
                Option(1) => some(value_1),
                Option(n) if n == PLAN => value_1,
                _ => option,
            };
            let step_3 = if value_2.0 > STEPS { #[id = "a"] some(value_2) } else { option };
            #[catch]
            let head_4 = for view_5 in list { #[id = "b"] some(view_5) };
            #[id = "c"]
            for value_6 in head_4 {
                let value_7 = match value_6 {
                    ::std::result::Result::Ok(value_8) => #[id = "d"] some(value_8),
                    ::std::result::Result::Err(_) => step_3,
                };
                value_7
            }
        }
    }
}

#[tokio::test]
async fn names_that_hide_others_hide_nothing_from_generated_code() {
    use shadowed::Option;
    let engine = Engine::ephemeral().state(10_u64).build();
    let all = shadowed::none(Option(1), vec![Option(2)]).run_ephemeral(&engine).await.unwrap();
    assert_eq!(all, [Option(22)]);
}

macro_rules! written_by_a_macro {
    ($(#[$attr:meta])* $vis:vis $name:ident($param:ident: $ty:ty) -> $output:ty { $pattern:pat => $node:path, $by:expr, $text:literal, $life:tt }) => {
        workflow! {
            $(#[$attr])*
            $vis fn $name($param: $ty) -> $output {
                let a = $node($by, $param);
                let b = match a { $pattern => $node(a, 1), _ => $by };
                let c = said(b, $text);
                c.len() as $output + $life
            }
        }
    };
}
written_by_a_macro!(#[doc = "docs"] pub(crate) written(x: i64) -> i64 { 3 | 4 => add, 1 + 1, "text", 5 });

#[tokio::test]
async fn fragments_of_other_macros_are_parts_of_a_workflow() {
    assert_eq!(written(1).run_ephemeral(&engine()).await.unwrap(), 11);
    assert_eq!(written::plan().doc, "docs");
}

workflow! {
    fn twenty(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8, m: u8, n: u8, o: u8,
              p: u8, q: u8, r: u8, s: u8, t: u8, u: String, v: Vec<u8>, w: (u8, u8), x: Option<u8>, y: [u8; 2], z: ()) -> Vec<u8> {
        many(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, &y, z)
    }
}
#[node]
#[expect(clippy::many_single_char_names, clippy::too_many_arguments)]
async fn many(
    a: u8,
    b: u8,
    c: u8,
    d: u8,
    e: &u8,
    f: u8,
    g: u8,
    h: u8,
    i: u8,
    j: u8,
    k: u8,
    l: u8,
    m: u8,
    n: u8,
    o: u8,
    p: u8,
    q: u8,
    r: u8,
    s: u8,
    t: u8,
    u: &str,
    v: &[u8],
    w: (u8, u8),
    x: Option<u8>,
    y: &[u8],
    z: (),
) -> Vec<u8> {
    let () = z;
    let mut all = vec![a, b, c, d, *e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, w.0, w.1, x.unwrap()];
    all.extend(u.bytes());
    all.extend(v);
    all.extend(y);
    all
}

#[tokio::test]
async fn a_workflow_may_have_many_parameters() {
    let run = twenty(
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        9,
        10,
        11,
        12,
        13,
        14,
        15,
        16,
        17,
        18,
        19,
        20,
        "\u{1a}".to_owned(),
        vec![27],
        (21, 22),
        Some(23),
        [28, 29],
        (),
    );
    let all = run.run_ephemeral(&engine()).await.unwrap();
    assert_eq!(all, [&(1..=23).collect::<Vec<u8>>()[..], &[26, 27, 28, 29]].concat());
}

workflow! {
    fn shapes(xs: Vec<i64>, pairs: Vec<(i64, String)>, nested: Vec<Vec<Point>>, o: Option<Vec<i64>>, flag: bool) -> String {
        let r = &xs;
        let n: usize = r.len();
        let half: &[i64] = &r[n / 2..];
        let a = for (x, text) in pairs { let y = add(x, 1); #[id = "l"] labelled(y, text) };
        let b = for Point { x, y } in nested[0] { add(x, y) };
        let c = for x in half { #[id = "c"] add(x, n as i64) };
        let d = for x in [1, 2, 3] { neg(x) };
        let e = for x in xs.as_slice() { x };
        let f = for x in xs { xs.len() as i64 * x };
        let g = for _ in xs {};
        let h = for x in &xs[1..] { let y = neg(x); #[id = "in"] if y < -2 { add(x, y) } else { x } };
        let i = match o {
            Some(list) if !list.is_empty() => {
                let sums = for x in list { let all = for y in list { add(x, y) }; total(all) };
                sums
            }
            Some(list) => list,
            None => Vec::new(),
        };
        let j = if flag { let ys = for x in xs { neg(x) }; ys } else { xs };
        let k = if flag { xs } else { let ys = for x in xs { neg(x) }; ys };
        #[id = "statement"]
        if flag && n > 100 { log("never"); } else if flag {} else { #[id = "log2"] log("now"); }
        #[catch]
        let l = if flag { failing(1) } else { #[id = "none"] unit(()) };
        #[catch]
        let m = for x in xs { failing(x as u8) };
        let p = match l { Ok(()) => "ok", Err(failure) => failure.message.as_str() };
        let q = #[id = "nested"] labelled(#[with(timeout = "5s", retry(times = 2))] #[id = "inner"] add(1, #[id = "innermost"] neg(1)), p);
        let deep = match (flag, &o) {
            (true, Some(list)) => match list.as_slice() { [] => 0, [x, ..] => x },
            (false, _) | (true, None) => if n > 2 { -1 } else { let z = n as i64; z * 2 },
        };
        let text = described(a, b, c, d, e, f, g, h, i, j, k, m.len(), q, deep);
        text
    }

    fn caught(x: u8) -> Result<(), NodeFailure> {
        #[catch]
        failing(x)
    }

    fn optional(x: i64) {
        #[id = "only"]
        if x > 0 { log("positive"); }
    }

    fn by_generic(xs: Vec<Point>, words: Vec<String>) -> (Option<Point>, Option<String>) {
        let p = first::<Point>(xs);
        let rest = for w in words { #[id = "f"] first::<String>([w.clone(), String::new()]) };
        let w = #[id = "w"] first::<Option<String>>(&rest);
        let all = #[id = "kept"] keep::<(Option<Point>, Option<Option<String>>)>((p, w.clone()));
        (all.0, all.1.clone().flatten())
    }

    fn by_any_generic(name: String, x: i64) -> String {
        let a = shown_by::<str>(&name);
        let b = #[id = "b"] shown_by::<i64>(x);
        let c = next_of::<std::vec::IntoIter<i64>>([x, 2].to_vec().into_iter());
        let d = #[id = "d"] kept_by::<u64>(x);
        let e = wrapped::<i64>(x);
        [a.clone(), b.clone(), c.unwrap_or_default().to_string(), d.to_string(), e.0.to_string()].concat()
    }

    fn uses_calls(x: i64) -> i64 {
        let c = calls(Call(x), [Call(1), Call(2)].to_vec());
        c.0
    }
}
#[node]
async fn shown_by<T: ?Sized + std::fmt::Display + Sync>(value: &T) -> String {
    value.to_string()
}
#[node]
async fn next_of<I>(items: I) -> Option<I::Item>
where
    I: Iterator + Clone + Send,
    I::Item: Clone + Serialize + for<'de> Deserialize<'de> + Send + Sync + 'static,
{
    let mut items = items;
    items.next()
}
#[node]
async fn kept_by<T: Copy + Send + Sync + 'static + Into<u64>>(#[state] by: &T, x: i64) -> u64 {
    (*by).into() + x.unsigned_abs()
}
/// A type that has a bound of its own.
#[derive(Clone, Serialize, Deserialize)]
struct Wrapped<T: Copy>(T);
#[node]
async fn wrapped<T: Copy + Serialize + for<'de> Deserialize<'de> + Send + Sync + 'static>(x: T) -> Wrapped<T> {
    Wrapped(x)
}
#[node]
async fn labelled(x: &i64, text: &str) -> String {
    format!("{text}{x}")
}
#[node]
async fn total(all: &[i64]) -> i64 {
    all.iter().sum()
}
#[node]
async fn failing(x: u8) -> Result<(), String> {
    if x > 2 { Ok(()) } else { Err(format!("failing {x}")) }
}
#[node]
async fn keep<T>(value: T) -> T
where
    T: Clone + Serialize + for<'de> Deserialize<'de> + Send + Sync + 'static,
{
    value
}
#[node]
#[expect(clippy::too_many_arguments, clippy::many_single_char_names)]
async fn described(
    a: &[String],
    b: &[i64],
    c: &[i64],
    d: &[i64],
    e: &[i64],
    f: Vec<i64>,
    g: &[()],
    h: &[i64],
    i: &[i64],
    j: &[i64],
    k: &[i64],
    m: usize,
    q: &str,
    deep: i64,
) -> String {
    format!("{a:?} {b:?} {c:?} {d:?} {e:?} {f:?} {g:?} {h:?} {i:?} {j:?} {k:?} {m} {q} {deep}")
}

#[tokio::test]
async fn regions_nest_in_every_shape() {
    let run = async |xs: &[i64], o: Option<&[i64]>, flag| {
        let pairs = vec![(1, "a".to_owned()), (2, "b".to_owned())];
        let nested = vec![vec![Point { x: 1, y: 2 }], vec![]];
        shapes(xs.to_vec(), pairs, nested, o.map(<[_]>::to_vec), flag).run_ephemeral(&engine()).await.unwrap()
    };
    assert_eq!(
        run(&[1, 2, 3], Some(&[1, 10]), true).await,
        r#"["a2", "b3"] [3] [5, 6] [-1, -2, -3] [1, 2, 3] [3, 6, 9] [(), (), ()] [2, 0] [13, 31] [-1, -2, -3] [1, 2, 3] 3 failing 10 1"#
    );
    assert_eq!(
        run(&[4], Some(&[]), false).await,
        r#"["a2", "b3"] [3] [5] [-1, -2, -3] [4] [4] [()] [] [] [4] [-4] 1 ok0 2"#
    );
    assert!(run(&[4, 5, 6], None, true).await.ends_with(" 3 failing 10 -1"));
}

#[tokio::test]
async fn outputs_are_of_any_storable_type() {
    assert_eq!(caught(3).run_ephemeral(&engine()).await.unwrap(), Ok(()));
    assert_eq!(caught(1).run_ephemeral(&engine()).await.unwrap().unwrap_err().message, "failing 1");
    optional(1).run_ephemeral(&engine()).await.unwrap();
    let all = by_generic(vec![Point::ORIGIN], vec!["w".to_owned()]).run_ephemeral(&engine()).await.unwrap();
    assert_eq!(all, (Some(Point::ORIGIN), Some("w".to_owned())));
    let with_state = Engine::ephemeral().state(40_u64).build();
    assert_eq!(by_any_generic("n".to_owned(), 2).run_ephemeral(&with_state).await.unwrap(), "n22422");
    assert_eq!(uses_calls(3).run_ephemeral(&engine()).await.unwrap(), 5);
}
