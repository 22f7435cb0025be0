//! Who leaves requests takes turns; what who was killed left is tidied away; there is an end to how many are kept.

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use super::*;
use crate::disk::Fault;
use crate::store::MAX_REQUESTS;
use crate::store::inbox::{Inbox, files, name};

fn inbox(disk: &SimFs) -> Inbox {
    Inbox::beside(disk.open_dir(DIR.as_ref(), false).unwrap()).unwrap()
}

#[tokio::test]
async fn b40_who_leaves_a_request_waits_for_others_and_not_for_ever() {
    let disk = SimFs::default();
    let dir = disk.open_dir(DIR.as_ref(), true).unwrap().open_dir(files::INBOX, true).unwrap();
    let held = dir.try_lock(files::LOCK).unwrap().unwrap();
    let mut inbox = inbox(&disk);
    inbox.patience = Duration::ZERO;
    let error = inbox.ask(&id("a"), &request("1")).await.unwrap_err();
    assert!(matches!(&error, StoreError::Busy { path, .. } if path.ends_with("inbox")), "{error}");
    assert_eq!(letters(&disk), [] as [PathBuf; 0]);
    inbox.patience = Duration::from_secs(600);
    let (run, first) = (id("a"), request("1"));
    let mut waiting = pin!(inbox.ask(&run, &first));
    assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(held);
    assert!(waiting.await.unwrap());
    assert_eq!(inbox.requests(&run).await.unwrap(), [request("1")]);
}

#[tokio::test]
async fn b52_requests_come_in_the_order_of_their_coming_from_whoever_they_are() {
    let disk = SimFs::default();
    let inboxes = [inbox(&disk), inbox(&disk), inbox(&disk)];
    let mut sent = Vec::new();
    for (n, inbox) in (0..30).zip(inboxes.iter().cycle()) {
        // Clocks that go backwards, and ids of which no order follows.
        let request = Request::new((n * 7 % 30).to_string(), -n, RequestKind::Cancel).unwrap();
        assert!(inbox.ask(&id("a"), &request).await.unwrap());
        sent.push(request);
    }
    for inbox in inboxes {
        assert_eq!(inbox.requests(&id("a")).await.unwrap(), sent);
    }
}

#[tokio::test]
async fn what_who_was_killed_left_is_in_nobodys_way_and_tidied_away() {
    let disk = SimFs::default();
    let fs = FaultFs::new(disk.clone());
    let inbox = Inbox::beside(fs.open_dir(DIR.as_ref(), true).unwrap()).unwrap();
    inbox.ask(&id("a"), &request("0")).await.unwrap();
    // A request opens the folder, takes the lock, lists, makes a file, writes, syncs, renames.
    fs.fail(6, true, Fault::Errno(5));
    inbox.ask(&id("a"), &request("1")).await.unwrap_err();
    let disk = disk.after_kill();
    let unfinished =
        |disk: &SimFs| letters(disk).iter().filter(|path| path.extension().is_some_and(|end| end == "tmp")).count();
    assert_eq!(unfinished(&disk), 1, "{:?}", disk.paths());
    let store = json(disk.clone()).unwrap();
    assert_eq!(store.requests(&id("a")).await.unwrap(), [request("0")]);
    assert_eq!(store.asked().await.unwrap(), [id("a")]);
    store.ask(&id("b"), &request("1")).await.unwrap();
    assert_eq!(unfinished(&disk), 0);
}

/// Puts requests of this run there, of these numbers.
fn plant(disk: &SimFs, run: &str, numbers: impl Iterator<Item = u32>) {
    for number in numbers {
        let file = name::of_request(&name::run_name(&id(run)), number, &name::digest(&number.to_string()));
        disk.set_bytes(PathBuf::from(DIR).join(files::INBOX).join(file), Vec::new());
    }
}

#[tokio::test]
async fn requests_of_a_run_are_bounded() {
    let disk = SimFs::default();
    let store = json(disk.clone()).unwrap();
    let most = u32::try_from(MAX_REQUESTS).unwrap();
    plant(&disk, "never", 1..most);
    assert!(store.ask(&id("never"), &request("last")).await.unwrap());
    let error = store.ask(&id("never"), &request("one more")).await.unwrap_err();
    assert!(matches!(error, StoreError::TooManyRequests { most: MAX_REQUESTS, .. }), "{error}");
    assert!(error.to_string().contains("run `never` has 10000 requests"), "{error}");
    assert!(!store.ask(&id("never"), &request("last")).await.unwrap(), "this one is kept already");
    assert!(store.ask(&id("another"), &request("one more")).await.unwrap());
    store.take_requests(&id("never"), &["last".to_owned()]).await.unwrap();
    assert!(store.ask(&id("never"), &request("one more")).await.unwrap());
}

#[tokio::test]
async fn numbers_that_are_used_up_are_told_and_begin_anew() {
    let disk = SimFs::default();
    let store = json(disk.clone()).unwrap();
    plant(&disk, "a", std::iter::once(u32::MAX));
    let error = store.ask(&id("a"), &request("1")).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unstorable { reason, .. } if reason.contains("used up")), "{error}");
    store.take_requests(&id("a"), &[u32::MAX.to_string()]).await.unwrap();
    assert!(store.ask(&id("a"), &request("1")).await.unwrap());
}

/// An engine asks twice a second whether there is anything.
#[tokio::test]
async fn looking_into_an_inbox_reads_its_folder_once_and_no_file() {
    let fs = FaultFs::new(SimFs::default());
    let store = json(fs.clone()).unwrap();
    for n in 0..5 {
        let before = fs.count();
        store.asked().await.unwrap();
        assert_eq!(fs.count() - before, if n == 0 { 1 } else { 2 }, "it is opened, and listed if it is there");
        store.ask(&id(&format!("run {n}")), &request("1")).await.unwrap();
    }
}

#[tokio::test]
async fn b40_a_handle_for_reading_leaves_requests_and_takes_none() {
    let disk = SimFs::default();
    let store = flat(disk.clone()).unwrap();
    let beside = FlatBuffersStore::options().fs(disk.clone()).open_read_only(DIR).unwrap();
    assert!(beside.ask(&id("a"), &request("1")).await.unwrap());
    assert_eq!(beside.requests(&id("a")).await.unwrap(), [request("1")]);
    assert_eq!(beside.asked().await.unwrap(), [id("a")]);
    let refused = beside.take_requests(&id("a"), &["1".to_owned()]).await;
    assert!(matches!(refused, Err(StoreError::ReadOnly { .. })), "{refused:?}");
    assert_eq!(store.requests(&id("a")).await.unwrap(), [request("1")]);
}
