//! Several processes leave requests for a run while another, which has the store open for writing, takes them: none is
//! lost, none comes twice, and what a process was told that it had left is there although it was killed.
//!
//! The children are this test binary itself, told by their environment where to leave what.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use flow_runtime::state::{Encoding, Payload, Request, RequestKind};
use flow_runtime::{FlatBuffersStore, JsonFileStore, WorkflowId, WorkflowStore};

const STORE: &str = "FLOW_TEST_REQUESTS_STORE";
const DIR: &str = "FLOW_TEST_REQUESTS_DIR";
const NAME: &str = "FLOW_TEST_REQUESTS_NAME";

/// How many requests each child leaves.
const EACH: usize = 40;
const CHILDREN: usize = 3;
/// What a child says of a request that it has left.
const LEFT: &str = "left ";

fn run() -> WorkflowId {
    WorkflowId::new("order-1").unwrap()
}

fn request(id: &str) -> Request {
    let payload = Payload::new(Encoding::Raw, id.repeat(50));
    let kind = RequestKind::Signal { name: "note".to_owned(), type_name: "Vec<u8>".to_owned(), payload };
    Request::new(id, 0, kind).unwrap()
}

/// Leaves requests beside the writer, and says so of each. Without the environment
/// of a child it does nothing.
#[test]
fn child() {
    let (Ok(store), Ok(dir), Ok(name)) = (std::env::var(STORE), std::env::var(DIR), std::env::var(NAME)) else {
        return;
    };
    let dir = PathBuf::from(dir);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    match store.as_str() {
        "json" => runtime.block_on(leave(JsonFileStore::open_read_only(dir).unwrap(), &name)),
        _ => runtime.block_on(leave(FlatBuffersStore::open_read_only(dir).unwrap(), &name)),
    }
}

async fn leave(store: impl WorkflowStore, name: &str) {
    for n in 0..EACH {
        let id = format!("{name}/{n:02}");
        assert!(store.ask(&run(), &request(&id)).await.unwrap());
        // Written past the harness, which would keep it to itself.
        println!("{LEFT}{id}");
    }
}

fn start(store: &str, dir: &Path, name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["requests::child", "--exact", "--nocapture"])
        .env(STORE, store)
        .env(DIR, dir)
        .env(NAME, name)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a child says that it has left, as it comes.
fn left(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.filter_map(|line| line.unwrap().split_once(LEFT).map(|(_, id)| id.to_owned()))
}

/// Takes what is there; gives how much that was.
async fn take(store: &impl WorkflowStore, taken: &mut Vec<String>) -> usize {
    let found = store.requests(&run()).await.unwrap();
    assert!(found.iter().all(|found| *found == request(&found.id)), "one has changed");
    let ids: Vec<String> = found.into_iter().map(|request| request.id).collect();
    store.take_requests(&run(), &ids).await.unwrap();
    let count = ids.len();
    taken.extend(ids);
    count
}

async fn all_arrive(store: impl WorkflowStore, kind: &str, dir: &Path) {
    let names: Vec<String> = (0..CHILDREN).map(|n| format!("child {n}")).collect();
    let mut children: Vec<Child> = names.iter().map(|name| start(kind, dir, name)).collect();
    let mut killed = start(kind, dir, "killed");
    let (mut taken, mut told) = (Vec::new(), Vec::new());

    // One is killed in the middle of its work, the others come to their end.
    let mut words = left(&mut killed);
    told.extend(words.by_ref().take(EACH / 4));
    killed.kill().unwrap();
    told.extend(words);
    killed.wait().unwrap();
    for child in &mut children {
        let words = left(child);
        for word in words {
            told.push(word);
            take(&store, &mut taken).await;
        }
        assert!(child.wait().unwrap().success());
    }
    while take(&store, &mut taken).await > 0 {}
    assert!(store.asked().await.unwrap().is_empty());

    let mut of_child: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for id in &taken {
        let (child, number) = id.split_once('/').unwrap();
        of_child.entry(child).or_default().push(number);
    }
    let due: Vec<String> = (0..EACH).map(|n| format!("{n:02}")).collect();
    for name in &names {
        assert_eq!(of_child[name.as_str()], due, "{kind}: all of `{name}`, once, in its order");
    }
    let of_killed = &of_child["killed"];
    assert!(due.iter().zip(of_killed).all(|(due, found)| due == found), "{kind}: {of_killed:?}");
    assert!(told.iter().all(|id| taken.contains(id)), "{kind}: what it was told that it had left is there");
    println!("{kind}: {} requests from {} processes, one killed after {}", taken.len(), CHILDREN + 1, of_killed.len());
}

#[tokio::test]
async fn b40_b52_requests_of_several_processes_arrive_beside_the_writer_of_a_log() {
    let dir = tempfile::tempdir().unwrap();
    all_arrive(FlatBuffersStore::open(dir.path()).unwrap(), "flat", dir.path()).await;
}

#[tokio::test]
async fn b40_b52_requests_of_several_processes_arrive_beside_the_writer_of_json_files() {
    let dir = tempfile::tempdir().unwrap();
    all_arrive(JsonFileStore::open(dir.path()).unwrap(), "json", dir.path()).await;
}
