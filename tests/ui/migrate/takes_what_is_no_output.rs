use flow_runtime::prelude::*;

#[node]
async fn quote(x: u64) -> u64 {
    x
}

struct Handle(std::rc::Rc<u64>);

fn of_handle(handle: Handle) -> u64 {
    *handle.0
}

fn of_borrowed(price: &u64) -> u64 {
    *price
}

workflow! {
    #[version = 2]
    pub fn flow(x: u64) -> u64 {
        #[migrate(from = 1, with = of_handle)]
        let price = quote(x);
        #[migrate(from = 1, with = of_borrowed)]
        let other = quote(price);
        other
    }
}

fn main() {}
