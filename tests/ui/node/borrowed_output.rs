use flow_runtime::prelude::*;

#[node]
async fn title(text: &String) -> &str {
    text
}

fn main() {}
