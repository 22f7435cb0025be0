//! A crate that forgives nothing.

#![forbid(unsafe_code, missing_docs, unused_must_use)]
#![deny(
    warnings,
    unused,
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    keyword_idents,
    let_underscore_drop,
    macro_use_extern_crate,
    meta_variable_misuse,
    missing_copy_implementations,
    missing_debug_implementations,
    non_ascii_idents,
    redundant_imports,
    redundant_lifetimes,
    rust_2018_idioms,
    rust_2021_compatibility,
    rust_2024_compatibility,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unnameable_types,
    unreachable_pub,
    unused_import_braces,
    unused_lifetimes,
    unused_macro_rules,
    unused_qualifications,
    unused_results,
    variant_size_differences
)]

use flow_runtime::Invocation;
use flow_runtime::prelude::*;

/// Application state.
#[derive(Clone, Copy, Debug)]
pub struct State(pub u64);

/// Adds.
#[node(retry(times = 2), timeout = "5s")]
pub async fn add(#[state] state: &State, a: u64, b: &u64, cx: &NodeContext) -> Result<u64, String> {
    if cx.is_cancelled() { Err("cancelled".to_owned()) } else { Ok(a + b + state.0) }
}

/// Takes the first.
#[node(blocking, pure)]
pub fn first<T: Clone + Send + Sync + 'static + serde::Serialize + serde::de::DeserializeOwned>(xs: &[T]) -> Option<T> {
    xs.first().cloned()
}

#[node]
async fn private(text: String) {
    drop(text);
}

fn to_number(text: String) -> Result<u64, std::num::ParseIntError> {
    text.parse()
}

workflow! {
    /// Uses every construct.
    #[version = 2]
    pub fn flow(x: u64, xs: Vec<u64>) -> u64 {
        #[migrate(from = 1, with = to_number)]
        let a = add(x, 1);
        let (b, _c) = (a + 1, a);
        private("text".to_owned());
        let chosen = match b {
            0 => 1,
            n if n > 3 => add(n, x),
            _ => { let inner = #[id = "inner"] add(x, 2); inner + 1 }
        };
        #[catch]
        #[with(concurrency = 3)]
        let each = for y in xs { #[after(chosen)] add(y, chosen) };
        let ok = if let Some(Ok(one)) = each.first() { one } else { chosen };
        let some = first::<u64>(xs);
        #[id = "last"]
        if some.is_some() { add(ok, chosen) } else { chosen }
    }

    fn private_flow() {}
}

fn main() {
    let flow: Invocation<private_flow> = private_flow();
    drop(flow);
    assert_eq!(flow::plan().steps.len(), 10);
}
