use flow_runtime::prelude::*;

#[node]
async fn one(x: u64) -> u64 {
    x + 1
}

#[node]
async fn two(a: u64, b: u64) -> u64 {
    a + b
}

#[node]
async fn name(x: u64) -> String {
    x.to_string()
}

#[node]
async fn pair(x: u64) -> (u64, String) {
    (x, "a".repeat(x as usize))
}

workflow! {
    pub fn flow(x: u64) -> u64 {
        let (number, text) = pair(x);
        two(number, text.len() as u64)
    }
}

fn run<W>(invocation: flow_runtime::Invocation<W>) -> W::Output
where
    W: flow_runtime::__private::Workflow + flow_runtime::__private::Requires<()>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let engine = Engine::ephemeral().build();
    runtime.block_on(invocation.run_ephemeral(&engine)).unwrap()
}

fn main() {
    assert_eq!(run(flow(4)), 8);
}
