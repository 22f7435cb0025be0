use flow_runtime::prelude::*;

workflow! {
    pub fn flow(x: u64) -> u64 {
        sleep(x);
        x
    }
}

fn main() {}
