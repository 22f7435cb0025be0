//! What rustdoc makes of a workflow: its page has the picture, and nothing else changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::examples::built;

const CRATE: &str = r#"
//! A crate with workflows.
#![deny(missing_docs)]

use flow_runtime::prelude::*;

/// Sets goods aside.
#[node]
pub async fn reserve(goods: u64) -> u64 { goods }

/// Ships them.
#[node]
pub async fn ship(goods: u64) -> u64 { goods }

workflow! {
    /// Fulfils one order.
    ///
    /// More is said of it here.
    pub fn fulfil(goods: u64) -> u64 {
        let hold = reserve(goods);
        let parcel = match hold {
            0 => hold,
            some if some > 3 => ship(hold),
            _ => { let half = #[id = "half"] ship(hold); half }
        };
        parcel
    }

    #[allow(missing_docs)]
    pub fn bare(goods: u64) -> u64 { ship(goods) }
}
"#;

/// The program beside the cargo that runs this test.
fn rustdoc() -> PathBuf {
    let beside = std::env::var_os("CARGO").map(|cargo| Path::new(&cargo).with_file_name("rustdoc"));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| "rustdoc".into())
}

/// Documents the crate into a folder.
fn document(folder: &Path) {
    let source = folder.join("orders.rs");
    fs::write(&source, CRATE).unwrap();
    let library = built("flow_runtime");
    let beside = library.parent().unwrap();
    let mut command = Command::new(rustdoc());
    command
        .args(["--edition", "2024", "--crate-name", "orders", "-D", "warnings", "--out-dir"])
        .arg(folder.join("doc"));
    command.arg("--extern").arg(format!("flow_runtime={}", library.display()));
    for dependencies in [beside, &beside.join("deps")] {
        command.arg("-L").arg(format!("dependency={}", dependencies.display()));
    }
    command.arg(&source);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The pictures of a page.
fn pictures(page: &str) -> Vec<&str> {
    page.split("<svg xmlns=").skip(1).map(|rest| rest.split("</svg>").next().unwrap()).collect()
}

#[test]
fn the_page_of_a_workflow_has_its_picture() {
    let folder = tempfile::tempdir().unwrap();
    document(folder.path());
    let page = |name: &str| fs::read_to_string(folder.path().join("doc/orders").join(name)).unwrap();

    let fulfil = page("fn.fulfil.html");
    let [picture] = pictures(&fulfil)[..] else { panic!("one picture in {fulfil}") };
    let drawn = format!("<svg xmlns={picture}</svg>");
    let drawn = roxmltree::Document::parse(&drawn).expect("what the page has is what was drawn");
    let texts: Vec<String> = drawn
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .map(|text| text.descendants().filter(roxmltree::Node::is_text).filter_map(|node| node.text()).collect())
        .collect();
    let expected = [
        "fulfil(goods: u64) -> u64",
        "hold",
        "reserve",
        "match parcel",
        "0",
        "no step",
        "some if some > 3",
        "ship",
        "_",
        "half",
        "ship",
    ];
    assert_eq!(texts, expected);
    assert!(fulfil.contains("<p>Fulfils one order.</p>\n<p>More is said of it here.</p>\n<div"), "{fulfil}");

    assert_eq!(pictures(&page("fn.bare.html")).len(), 1, "one that has no other documentation");
    let index = page("index.html");
    assert!(
        index.contains("Fulfils one order.")
            && index.contains("A workflow of 1 step.")
            && !index.contains("svg xmlns")
            && !index.contains("&lt;svg"),
        "{index}"
    );
}
