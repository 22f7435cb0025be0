use flow_runtime::prelude::*;

workflow! {
    pub fn flow() -> bool {
        let word = wait_for::<bool>("manager");
        let count = wait_for::<u64>("manager");
        #[id = "third"]
        approval("manager");
        word && count > 3
    }
}

fn main() {}
