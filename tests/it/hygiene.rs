//! The macros work wherever an item may stand: without Rust's prelude, under another name of the runtime, inside a
//! function, beside names that generated code uses too.

use flow_runtime::{Engine, node, workflow};

/// What a crate sees that calls `flow_runtime` by another name.
mod renamed {
    pub(super) use flow_runtime as durable;
}

#[node]
async fn double(x: u64) -> u64 {
    x * 2
}

#[no_implicit_prelude]
mod without_prelude {
    use ::flow_runtime::{node, workflow};

    #[node(retry(times = 2, backoff = "1ms..2ms"), timeout = "5s")]
    async fn parse(text: &str) -> ::std::result::Result<u64, ::std::num::ParseIntError> {
        text.parse()
    }

    workflow! {
        pub(super) fn parses(texts: ::std::vec::Vec<::std::string::String>) -> ::std::vec::Vec<u64> {
            #[catch]
            #[with(concurrency = 4)]
            let numbers = for text in texts { parse(text) };
            #[id = "counted"]
            for number in numbers {
                #[id = "one"]
                match number {
                    ::std::result::Result::Ok(n) if n > 3 => super::double(n),
                    ::std::result::Result::Ok(n) => n,
                    ::std::result::Result::Err(_) => 0,
                }
            }
        }
    }
}

mod under_another_name {
    #[flow_runtime::node(crate = super::renamed::durable)]
    async fn triple(x: &u64) -> u64 {
        x * 3
    }

    flow_runtime::workflow! {
        #![crate = super::renamed::durable]

        pub(super) fn triples(x: u64) -> u64 { triple(triple_twice(x)) }
    }

    #[flow_runtime::node(crate = super::renamed::durable)]
    async fn triple_twice(x: &u64) -> u64 {
        x * 9
    }
}

#[expect(non_camel_case_types, reason = "names that generated code uses too")]
mod clashing_names {
    use flow_runtime::{node, workflow};

    pub(super) type S = u64;
    type T = S;
    type Input = T;
    type Output = Input;
    type Result = Output;
    type Option = Result;
    type Box = Option;
    type tree = Box;
    type str_ = tree;

    #[node]
    async fn items(tree: str_, at: &u64) -> u64 {
        tree + at
    }

    workflow! {
        pub(super) fn step(tree: u64, items: Vec<u64>, cx: S, at: u64, list: u64, value: u64, typed: u64, r0: u64) -> Vec<u64> {
            let place = at + list + value + typed + r0 + tree + cx;
            #[id = "all"]
            for plan in items {
                let input = items(plan, place);
                #[id = "last"]
                if input > 3 { #[id = "again"] items(input, plan) } else { input.clone() }
            }
        }
    }
}

#[tokio::test]
async fn the_macros_work_without_the_prelude_and_under_another_name() {
    let engine = Engine::ephemeral().build();
    let texts = vec!["2".to_owned(), "x".to_owned(), "21".to_owned()];
    assert_eq!(without_prelude::parses(texts).run_ephemeral(&engine).await.unwrap(), [2, 0, 42]);
    assert_eq!(under_another_name::triples(1).run_ephemeral(&engine).await.unwrap(), 27);
}

#[tokio::test]
async fn the_macros_work_inside_a_function() {
    #[node]
    async fn half(x: &u64) -> u64 {
        x / 2
    }

    workflow! {
        fn halves(x: u64) -> u64 { half(double(x)) }
    }

    let engine = Engine::ephemeral().build();
    assert_eq!(halves(8).run_ephemeral(&engine).await.unwrap(), 8);
}

#[tokio::test]
async fn names_of_the_user_and_of_generated_code_do_not_meet() {
    let engine = Engine::ephemeral().build();
    let all = clashing_names::step(1, vec![1, 10], 1, 1, 1, 1, 1, 1).run_ephemeral(&engine).await.unwrap();
    assert_eq!(all, [9, 27]);
}

macro_rules! within_macro_rules {
    ($name:ident, $by:expr) => {
        workflow! {
            fn $name(x: u64) -> u64 {
                let y = double(x);
                y + $by
            }
        }
    };
}

within_macro_rules!(plus_one, 1);
within_macro_rules!(plus_two, 1 + 1);

#[tokio::test]
async fn a_workflow_may_be_written_by_another_macro() {
    let engine = Engine::ephemeral().build();
    assert_eq!(plus_one(2).run_ephemeral(&engine).await.unwrap(), 5);
    assert_eq!(plus_two(2).run_ephemeral(&engine).await.unwrap(), 6);
}
