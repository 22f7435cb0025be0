use flow_runtime::prelude::*;

#[node]
async fn one(x: u64) -> u64 {
    x + 1
}

#[node]
async fn two(a: u64, b: u64) -> u64 {
    a + b
}

workflow! {
    pub fn flow(x: u64) -> u64 {
        #[after]
        let a = one(x);
        #[after(a + 1)]
        let b = one(a);
        #[catch(all)]
        let c = one(b);
        let d = match x {
            #[catch]
            0 => #[id = 5] one(x),
            _ => 1,
        };
        #[catch]
        let e = #[catch] #[id = "f"] two(d, b);
        b
    }
}

fn main() {}
