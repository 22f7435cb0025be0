use flow_runtime::node;

#[node]
struct Charge;

fn main() {}
