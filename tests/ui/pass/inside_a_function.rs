use flow_runtime::prelude::*;

fn main() {
    #[node]
    async fn local(x: u64) -> u64 {
        x * 2
    }

    workflow! {
        fn flow(x: u64) -> u64 {
            local(x)
        }
    }

    assert_eq!(run(flow(4)), 8);
}

fn run<W>(invocation: flow_runtime::Invocation<W>) -> W::Output
where
    W: flow_runtime::__private::Workflow + flow_runtime::__private::Requires<()>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let engine = Engine::ephemeral().build();
    runtime.block_on(invocation.run_ephemeral(&engine)).unwrap()
}
