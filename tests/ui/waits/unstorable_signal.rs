use flow_runtime::prelude::*;

pub struct Word;

workflow! {
    pub fn flow() -> bool {
        let word = wait_for::<Word>("manager");
        true
    }
}

fn main() {}
