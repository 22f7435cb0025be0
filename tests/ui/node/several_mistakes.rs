use flow_runtime::prelude::*;

#[node(timeout = "3", concurrency = 0, colour)]
fn charge(cents: &mut u64) -> &str {
    let _ = cents;
    ""
}

fn main() {}
