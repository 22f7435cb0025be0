//! Patterns of arms, conditions and `let`.

use super::*;

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
