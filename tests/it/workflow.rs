//! Every construct of `workflow!`, run on an engine, its result compared.

use flow_runtime::__private as rt;
use flow_runtime::{Engine, NodeFailure, workflow};
use serde::{Deserialize, Serialize};

macro_rules! node {
    (fn $name:ident($($arg:ident: $ty:ty),*) -> $out:ty $body:block) => {
        async fn $name($($arg: &$ty),*) -> $out $body
        #[allow(non_camel_case_types)]
        struct $name {}
        const _: () = {
            #[allow(non_camel_case_types)]
            struct Call<'c>(&'c rt::NodeContext);
            impl $name {
                fn __at(cx: &rt::NodeContext) -> Call<'_> { Call(cx) }
            }
            impl<'c> Call<'c> {
                fn $name(self, $($arg: &'c $ty),*) -> rt::Body<'c> {
                    let _ = self.0;
                    rt::run_plain($name($($arg),*))
                }
            }
            impl rt::Node for $name {
                type Output = $out;
                const NAME: &'static str = stringify!($name);
                const OUTPUT: &'static str = stringify!($out);
                const POLICY: rt::Policy = rt::Policy::DEFAULT;
            }
            impl<S> rt::Requires<S> for $name { fn register(_: &mut rt::Providers) {} }
        };
    };
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    total: u64,
    lines: Vec<String>,
    kind: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Payment {
    Paid(u64),
    Declined { why: String },
}

node!(
    fn reserve(order: Order) -> u64 {
        order.total / 10
    }
);
node!(
    fn charge(order: Order) -> Payment {
        if order.total > 100 { Payment::Declined { why: "too much".to_owned() } } else { Payment::Paid(order.total) }
    }
);
node!(
    fn ship(order: Order, stock: u64, slip: u64) -> String {
        format!("{}-{stock}-{slip}", order.kind)
    }
);
node!(
    fn cancel(why: str) -> String {
        format!("cancelled: {why}")
    }
);
node!(
    fn print_label(line: String) -> String {
        format!("<{line}>")
    }
);
node!(
    fn receipt(parcel: String, labels: Vec<String>) -> String {
        format!("{parcel} {}", labels.join(""))
    }
);
node!(
    fn boom(x: u64) -> u64 {
        assert!(*x < 5, "boom {x}");
        x * 2
    }
);
node!(
    fn tell(r: Result<u64, NodeFailure>) -> String {
        match r {
            Ok(x) => format!("ok {x}"),
            Err(failure) => format!("{}: {}", failure.step, failure.message),
        }
    }
);
node!(
    fn double(x: u64) -> u64 {
        x * 2
    }
);

workflow! {
    /// Fulfils one order.
    fn fulfil_order(order: Order) -> String {
        let stock = reserve(order);
        let payment = charge(order);
        let parcel = match payment {
            Payment::Paid(slip) => ship(order, stock, slip),
            Payment::Declined { why } => cancel(why),
        };
        let labels = for line in order.lines { print_label(line) };
        receipt(parcel, labels)
    }

    fn nested(x: u64, y: u64) -> u64 {
        let k = x + y;
        let twice = double(double(k));
        let chosen = if twice > 20 {
            let inner = #[id = "inner_double"] double(twice);
            inner + 1
        } else if y == 3 {
            double(x)
        } else {
            k
        };
        chosen + 0
    }
}

#[tokio::test]
async fn the_example_of_the_readme_runs() {
    let engine = Engine::ephemeral().build();
    let order = Order { total: 50, lines: vec!["a".into(), "b".into()], kind: "x".into() };
    assert_eq!(fulfil_order(order.clone()).run_ephemeral(&engine).await.unwrap(), "x-5-50 <a><b>");
    let order = Order { total: 500, ..order };
    assert_eq!(fulfil_order(order).run_ephemeral(&engine).await.unwrap(), "cancelled: too much <a><b>");
    assert_eq!(fulfil_order::plan().steps.len(), 8);
}

#[tokio::test]
async fn nested_calls_views_and_chains_of_if() {
    let engine = Engine::ephemeral().build();
    assert_eq!(nested(5, 3).run_ephemeral(&engine).await.unwrap(), 65);
    assert_eq!(nested(1, 3).run_ephemeral(&engine).await.unwrap(), 2);
    assert_eq!(nested(1, 2).run_ephemeral(&engine).await.unwrap(), 3);
}
