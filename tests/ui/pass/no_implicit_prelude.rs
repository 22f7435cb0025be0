#![no_implicit_prelude]


#[::flow_runtime::node(retry(times = 2, backoff = "1ms..2ms"), timeout = "3s")]
async fn add(x: u64, text: &::std::string::String) -> ::core::result::Result<u64, ::std::string::String> {
    ::core::result::Result::Ok(x + text.len() as u64)
}

#[::flow_runtime::node(pure)]
async fn word(x: u64) -> ::std::string::String {
    ::std::string::ToString::to_string(&x)
}

fn length(text: ::std::string::String) -> u64 {
    text.len() as u64
}

fn short(x: u64) -> ::core::result::Result<::std::string::String, ::std::string::String> {
    ::core::result::Result::Ok(::std::string::ToString::to_string(&x))
}

::flow_runtime::workflow! {
    #[version = 2]
    pub fn flow(x: u64, xs: ::std::vec::Vec<u64>) -> u64 {
        #[migrate(from = 1, with = short)]
        let text = word(x);
        let ys = for y in xs { word(y) };
        #[catch]
        #[migrate(from = 1, with = length)]
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
