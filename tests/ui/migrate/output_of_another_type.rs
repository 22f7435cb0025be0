use flow_runtime::prelude::*;

#[node]
async fn quote(x: u64) -> u64 {
    x
}

fn to_words(euros: f64) -> String {
    euros.to_string()
}

fn may_be_words(euros: f64) -> Result<String, std::io::Error> {
    Ok(euros.to_string())
}

workflow! {
    #[version = 2]
    pub fn flow(x: u64) -> u64 {
        #[migrate(from = 1, with = to_words)]
        let price = quote(x);
        #[migrate(from = 1, with = may_be_words)]
        let other = quote(price);
        other
    }
}

fn main() {}
