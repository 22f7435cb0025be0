use flow_runtime::prelude::*;

workflow! {
    pub fn flow() -> u64 {
        #[with(timeout = "1s")]
        sleep("24h");
        let a = #[with(retry(3), timeout = "1h")] wait_for::<u64>("a");
        let b = #[with(concurrency = 2, pure)] approval("b");
        #[with(tiemout = "1h")]
        wait_for::<u64>("c");
        if b.is_approved() { a } else { 0 }
    }
}

fn main() {}
