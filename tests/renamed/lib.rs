//! A crate that has `test` in its name and knows flow-runtime under another one: the macros check and expand here as
//! anywhere.

use renamed_flow::{node, workflow};

/// Adds one.
#[node(crate = renamed_flow, retry(times = 2), timeout = "3s")]
pub async fn one(x: u64) -> u64 {
    x + 1
}

workflow! {
    #![crate = renamed_flow]

    /// Adds one to each, and counts them.
    pub fn flow(xs: Vec<u64>) -> u64 {
        let ys = for x in xs { one(x) };
        let first = if let Some(y) = ys.first() { one(y) } else { 0 };
        #[catch]
        let last = match (ys.last(), first) {
            (Some(y), f) if *y > f => #[id = "more"] one(y),
            (_, 0..=9) => first,
            _ => { let z = #[id = "z"] one(2); z + 1 }
        };
        let dyn_name = if let Ok(found) = last { ys.len() as u64 + found - found } else { 0 };
        #[id = "sum"]
        one(dyn_name)
    }
}

#[cfg(test)]
mod tests {
    use renamed_flow::Engine;

    use super::flow;

    #[test]
    fn b04_a_renamed_crate_with_test_in_its_name_is_like_any_other() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let engine = Engine::ephemeral().build();
        assert_eq!(runtime.block_on(flow(vec![1, 2]).run_ephemeral(&engine)).unwrap(), 3);
        assert_eq!(flow::plan().steps.len(), 8);
    }
}
