//! Branches and fan-outs in each other, in every shape, and generic nodes.

use super::*;

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
