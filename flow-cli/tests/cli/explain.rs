//! `flow explain`: the pages of the codes.

use flow_runtime::errors::Code;

use crate::flow::flow;

#[test]
fn each_code_has_its_page() {
    for code in Code::all() {
        let call = flow(&["explain", code.as_str()]).exits(0);
        assert_eq!(call.stdout, code.page(), "{code}");
    }
    flow(&["explain"]).exits(0).is("explain");
    flow(&["explain", "e-store-locked"]).exits(0).is("explain_code");
    let document = flow(&["explain", "--json", "E-STORE-LOCKED"]).exits(0).json();
    assert_eq!(document["codes"][0]["title"], "Another process holds the store");
    assert_eq!(flow(&["explain", "--json"]).json()["codes"].as_array().unwrap().len(), Code::all().len());
}

#[test]
fn what_is_no_code_is_told() {
    flow(&["explain", "E-\u{1b}[31m"]).exits(1).is("explain_unknown");
}

/// What follows `flow` in the commands of a text.
fn commands(page: &str) -> Vec<String> {
    let quoted = page.split('`').skip(1).step_by(2).map(|text| text.replace('\n', " "));
    quoted.filter_map(|text| Some(text.strip_prefix("flow ")?.split_whitespace().next()?.to_owned())).collect()
}

#[test]
fn pages_name_commands_that_there_are() {
    let named: std::collections::BTreeSet<String> = Code::all().flat_map(|code| commands(code.page())).collect();
    assert!(named.contains("doctor"), "{named:?}");
    for command in named {
        flow(&[&command, "--help"]).exits(0);
    }
}
