//! Plain Rust as an argument.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;

use super::*;

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

#[node]
async fn optional(text: Option<&str>, or: Cow<'_, str>) -> String {
    text.map_or(or.into_owned(), str::to_owned)
}
#[node]
#[expect(clippy::borrowed_box, reason = "odd, but legal")]
async fn any(shown: &(dyn Display + Sync), other: &Box<Point>) -> String {
    format!("{shown} {}", other.x)
}

workflow! {
    fn borrows(p: Point, name: Option<String>, list: Vec<Option<Point>>) -> (String, String, i64, Vec<i64>) {
        let a = optional(name.as_deref(), Cow::Borrowed("nobody"));
        let b = any(p.x, Box::new(Point { y: 5, ..p }));
        let (c, d) = (a.len(), &b);
        let e = &#[id = "e"] any(&c, Box::new(p));
        let f = #[id = "f1"] add(#[id = "f2"] add(1, 2), #[id = "f3"] add(3, 4)) + #[id = "f4"] neg(p.x);
        let g = for (x, y) in #[id = "pairs"] pairs(list) { #[id = "in"] add(x, y) };
        let h = match #[id = "chosen"] next(if f > 3 { Some(f) } else { None }) { Some(x) => x, None => -1 };
        (d.clone(), e.clone() + &a, h, g.clone())
    }
}
#[node]
async fn pairs(list: &[Option<Point>]) -> Vec<(i64, i64)> {
    list.iter().flatten().map(|point| (point.x, point.y)).collect()
}

#[tokio::test]
async fn parameters_borrow_in_every_way() {
    let p = Point { x: 3, y: 4 };
    let run = async |name: Option<&str>| {
        let list = vec![Some(p), None, Some(Point { x: 1, y: 1 })];
        borrows(p, name.map(str::to_owned), list).run_ephemeral(&engine()).await.unwrap()
    };
    assert_eq!(run(None).await, ("3 3".to_owned(), "6 3nobody".to_owned(), 8, vec![7, 2]));
    assert_eq!(run(Some("x")).await.1, "1 3x");
}
