use flow_runtime::prelude::*;

use std::rc::Rc;

async fn pause() {}

#[node]
async fn open(port: u64) -> u64 {
    let shared = Rc::new(port);
    pause().await;
    *shared
}

fn main() {}
