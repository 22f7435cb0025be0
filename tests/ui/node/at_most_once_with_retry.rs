use flow_runtime::prelude::*;

#[node(retry(times = 3), at_most_once)]
async fn launch(rocket: &str) -> String {
    rocket.to_owned()
}

#[node(at_most_once = true)]
async fn land(rocket: &str) -> String {
    rocket.to_owned()
}

fn main() {}
