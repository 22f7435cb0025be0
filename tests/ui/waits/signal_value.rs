use flow_runtime::prelude::*;

workflow! {
    pub fn flow() -> bool {
        let word = approval("manager");
        let count = wait_for::<u64>("count");
        word.is_approved() && count > 3
    }
}

async fn send(engine: Engine) {
    let _ = flow::signals().count.send(&engine, "run", &true).await;
    let _ = flow::signals().manager.send(&engine, "run", &"yes").await;
    let _ = flow::signals().boss.send(&engine, "run", &1).await;
}

fn main() {}
