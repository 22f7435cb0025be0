//! `flow graph`.

use crate::flow::{flow_on, is, together};
use crate::samples::{fan_out, some_runs};
use crate::stores::Store;

#[test]
fn a_run_is_drawn_with_how_its_steps_stand() {
    for store in Store::each_with(&some_runs()) {
        let drawn = |form: &str| flow_on(&store, &["graph", "order-2", "--as", form]).exits(0);
        let calls = [
            flow_on(&store, &["graph", "order-2"]).exits(0),
            flow_on(&store, &["graph", "order-2", "--plan"]).exits(0),
            drawn("mermaid"),
            drawn("dot"),
            flow_on(&store, &["graph", "order-9"]).exits(3),
            flow_on(&store, &["graph", "order-2", "--as", "png"]).exits(2),
        ];
        is("graph", &together(&calls));
        let svg = drawn("svg").stdout;
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains(">payment</text>"), "{svg}");
        let document = flow_on(&store, &["graph", "order-2", "--as", "svg", "--json"]).exits(0).json();
        assert_eq!(document["picture"].as_str().unwrap(), svg);
    }
}

#[test]
fn items_are_counted() {
    for store in Store::each_with(&[fan_out(1_000, 40)]) {
        flow_on(&store, &["graph", "labels-1"]).exits(0).is("graph_fan_out");
    }
}
