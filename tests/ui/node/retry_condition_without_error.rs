use flow_runtime::prelude::*;

fn is_temporary(_: &String) -> bool {
    true
}

#[node(retry(times = 3, if = is_temporary))]
async fn charge(cents: u64) -> u64 {
    cents
}

fn main() {}
