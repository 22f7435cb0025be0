#![no_implicit_prelude]


#[::flow_runtime::node(retry(times = 2, backoff = "1ms..2ms"), timeout = "3s")]
async fn add(x: u64, text: &::std::string::String) -> ::core::result::Result<u64, ::std::string::String> {
    ::core::result::Result::Ok(x + text.len() as u64)
}

#[::flow_runtime::node(pure)]
async fn word(x: u64) -> ::std::string::String {
    ::std::string::ToString::to_string(&x)
}

::flow_runtime::workflow! {
    pub fn flow(x: u64, xs: ::std::vec::Vec<u64>) -> u64 {
        let text = word(x);
        let ys = for y in xs { word(y) };
        #[catch]
        let tried = add(x, text);
        let sum = match tried {
            ::core::result::Result::Ok(sum) => add(sum, text),
            ::core::result::Result::Err(_) => 0,
        };
        #[after(ys)]
        let last = add(sum, text);
        last
    }
}

fn main() {
    let _ = flow(3, ::std::vec::Vec::new());
}
