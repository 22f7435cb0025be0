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

workflow! {
    pub fn flow(xs: Vec<u64>, k: u64) -> Vec<u64> {
        let ys = for x in xs { two(x, k) };
        ys
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
    assert_eq!(run(flow(vec![1, 2, 3], 10)), [11, 12, 13]);
    assert!(run(flow(vec![], 10)).is_empty());
}
