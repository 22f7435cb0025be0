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
    /// The first.
    pub fn flow_a(x: u64) -> u64 {
        one(x)
    }

    #[version = 2]
    fn flow_b(x: u64) -> u64 {
        let a = one(x);
        a
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
    assert_eq!(run(flow_a(1)) + run(flow_b(1)), 4);
    assert_eq!(flow_b::plan().version, 2);
    assert_eq!(flow_a::plan().doc, "The first.");
}
