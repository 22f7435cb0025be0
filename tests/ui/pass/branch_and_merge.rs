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

#[derive(serde::Serialize, serde::Deserialize)]
pub enum Kind {
    Small,
    Large(u64),
}

#[node]
async fn sort(x: u64) -> Kind {
    if x > 9 { Kind::Large(x) } else { Kind::Small }
}

workflow! {
    pub fn flow(x: u64) -> u64 {
        let kind = sort(x);
        let merged = match kind {
            Kind::Small => 7,
            Kind::Large(size) => {
                let more = one(size);
                two(more, x)
            }
        };
        one(merged)
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
    assert_eq!(run(flow(1)), 8);
    assert_eq!(run(flow(10)), 22);
}
