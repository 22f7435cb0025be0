use flow_runtime::prelude::*;

fn is_temporary(_: &std::io::Error) -> bool {
    true
}

#[node(retry(times = 3, if = is_temporary))]
async fn charge(cents: u64) -> Result<u64, String> {
    Ok(cents)
}

fn main() {}
