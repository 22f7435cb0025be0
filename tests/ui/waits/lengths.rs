use flow_runtime::prelude::*;

workflow! {
    pub fn flow(x: u64) -> u64 {
        sleep("24 hours");
        #[id = "none"]
        sleep("0s");
        #[id = "number"]
        sleep("24");
        sleep_until("tomorrow");
        x
    }
}

fn main() {}
