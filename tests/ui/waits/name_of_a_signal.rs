use flow_runtime::prelude::*;

workflow! {
    pub fn flow(x: u64) -> u64 {
        wait_for::<u64>(x)
    }
}

fn main() {}
