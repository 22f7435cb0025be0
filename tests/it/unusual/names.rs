//! Names: raw ones, those that hide others, those that macros write, many of them; and attributes.

use super::*;

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
        pub(in super::super) use super::super::super::add as plus;
    }
}
use elsewhere::deep::plus;
use elsewhere::deep::plus as and;

workflow! {
    fn paths(x: i64) -> i64 {
        let a = self::add(x, 1);
        let b = crate::unusual::names::elsewhere::deep::plus(a, 1);
        let c = super::names::raw::r#type(b);
        let d = plus(c, 1);
        and(d, std::primitive::i64::from(1u8))
    }
}

#[tokio::test]
async fn nodes_are_called_by_any_path_and_name() {
    assert_eq!(paths(1).run_ephemeral(&engine()).await.unwrap(), 6);
}

mod attributes {
    use flow_runtime::{node, workflow};

    #[cfg(any())]
    #[node]
    async fn gone() -> NoSuchType {}

    #[cfg(not(any()))]
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

        #[cfg(not(any()))]
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
    #![allow(dead_code, unused_macros, clippy::wrong_self_convention)]
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

#[node]
async fn spoken(n: i64, what: &str) -> String {
    format!("{n} {what}")
}

macro_rules! written_by_a_macro {
    ($(#[$attr:meta])* $vis:vis $name:ident($param:ident: $ty:ty) -> $output:ty { $pattern:pat => $node:path, $by:expr, $text:literal, $life:tt }) => {
        workflow! {
            $(#[$attr])*
            $vis fn $name($param: $ty) -> $output {
                let a = $node($by, $param);
                let b = match a { $pattern => $node(a, 1), _ => $by };
                let c = spoken(b, $text);
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
