use flow_runtime::prelude::*;

#[node(at_most_once)]
async fn launch(rocket: &str) -> String {
    rocket.to_owned()
}

#[node(retry(times = 3))]
async fn land(rocket: &str) -> String {
    rocket.to_owned()
}

workflow! {
    fn mission(rocket: String) -> String {
        let up = #[with(retry(times = 2))] launch(rocket);
        let down = #[with(at_most_once)] land(up);
        down
    }

    fn both(rocket: String) -> String {
        #[with(at_most_once, retry(times = 2))]
        land(rocket)
    }
}

fn main() {}
