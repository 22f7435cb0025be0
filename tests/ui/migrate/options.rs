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
        #[migrate(form = 1, with = to_cents)]
        let a = quote(x);
        #[migrate(from = 1, using = to_cents)]
        let b = quote(a);
        #[migrate(from = 1)]
        let c = quote(b);
        #[migrate(with = to_cents)]
        let d = quote(c);
        #[migrate]
        let e = quote(d);
        #[migrate()]
        let f = quote(e);
        #[migrate(from = "1", with = to_cents)]
        let g = quote(f);
        #[migrate(from = 0, with = to_cents)]
        let h = quote(g);
        #[migrate(from = 1, with = |euros: f64| euros as u64)]
        let i = quote(h);
        #[migrate(from, with)]
        let j = quote(i);
        #[migrate(from = 1, with = to_cents, called = 1)]
        let l = quote(j);
        #[migrate(from = 1, called = "1")]
        let m = quote(l);
        #[migrated(from = 1, with = to_cents)]
        let k = quote(m);
        k
    }
}

fn main() {}
