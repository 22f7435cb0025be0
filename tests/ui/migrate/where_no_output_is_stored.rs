use flow_runtime::prelude::*;

#[node]
async fn quote(x: u64) -> u64 {
    x
}

fn to_cents(euros: f64) -> u64 {
    euros as u64 * 100
}

workflow! {
    #[version = 2]
    pub fn flow(x: u64) -> u64 {
        #[migrate(from = 1, with = to_cents)]
        let price = if x > 1 { let inner = quote(x); inner } else { x };
        #[migrate(from = 1, with = to_cents)]
        let all = for y in [1, 2] { quote(y) };
        #[migrate(from = 1, with = to_cents)]
        let pause = sleep("1h");
        #[migrate(from = 1, with = to_cents)]
        let plain = price + 1;
        #[after(pause)]
        let last = match plain {
            #[migrate(from = 1, with = to_cents)]
            1 => quote(plain),
            _ => 0,
        };
        last + all.len() as u64
    }
}

fn main() {}
