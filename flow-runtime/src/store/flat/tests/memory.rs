//! How much memory opening a log of any bytes takes: measured in a process of its own, by what the kernel says of it.

use std::path::Path;
use std::process::Command;

use super::super::format::{Kind, PLAN_BIT, SEGMENT_HEADER, SegmentHeader};
use super::super::frame::{Begins, FrameHead};
use super::super::{batch, segment};
use super::*;
use crate::disk::RealFs;

/// Where the process that is measured finds the log.
const PLACE: &str = "FLOW_LOG_TO_MEASURE";
/// Large beside what a process takes anyway.
const BYTES: usize = 12 << 20;
const FRAMES: u64 = 1000;

/// The most memory that this process has had, in bytes.
fn peak() -> usize {
    let status = RealFs.open_dir(Path::new("/proc/self"), false).unwrap().open("status", false).unwrap();
    let mut text = vec![0; 1 << 14];
    let len = status.read_at(&mut text, 0).unwrap();
    let text = String::from_utf8(text[..len].to_vec()).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// A log of sound batches of a thousand frames each, which this makes.
fn log_of(frame: impl Fn(u64) -> FrameHead) -> Vec<u8> {
    let header = SegmentHeader {
        store: 7,
        number: 1,
        size: BYTES as u64,
        first_batch: 1,
        rewritten: None,
        min_reader: 1,
        min_writer: 1,
    };
    let (mut file, mut frames, mut one) = (header.to_bytes().to_vec(), Vec::new(), Vec::new());
    for number in 1.. {
        frames.clear();
        let owners: Vec<(u64, usize)> = (number * FRAMES..(number + 1) * FRAMES)
            .map(|n| {
                let (head, at) = (frame(n), frames.len());
                head.write(&[], &mut frames);
                (head.run, at)
            })
            .collect();
        batch::write((7, number), owners.into_iter(), &frames, &mut one);
        if file.len() + one.len() > BYTES {
            break;
        }
        file.extend_from_slice(&one);
    }
    assert!(file.len() > BYTES * 9 / 10 && SEGMENT_HEADER < file.len());
    file.resize(BYTES, 0);
    file
}

fn logs() -> Vec<(&'static str, Vec<u8>)> {
    let mut random = vec![0; BYTES];
    fastrand::Rng::with_seed(7).fill(&mut random);
    let mut headed = log_of(|n| FrameHead::plain(Kind::Deleted, n, 0));
    headed[SEGMENT_HEADER..].copy_from_slice(&random[SEGMENT_HEADER..]);
    let begins = |n: u64| {
        let begins = Begins { id: id(&format!("{n:x}")), run_no: n, created_at: 0 };
        FrameHead { begins: Some(Box::new(begins)), ..FrameHead::plain(Kind::Snapshot, n, 1) }
    };
    vec![
        ("random bytes", random),
        ("random bytes behind a header", headed),
        ("runs", log_of(begins)),
        ("changes of runs that never began", log_of(|n| FrameHead::plain(Kind::Delta, n, 1))),
        ("changes of one run", log_of(|n| if n == FRAMES { begins(7) } else { FrameHead::plain(Kind::Delta, 7, n) })),
        ("plans", log_of(|n| FrameHead::plain(Kind::Plan, n | PLAN_BIT, n))),
        ("deletions", log_of(|n| FrameHead::plain(Kind::Deleted, n, 0))),
    ]
}

#[tokio::test]
async fn b34_a_log_of_any_bytes_takes_no_more_memory_than_eight_times_its_length() {
    if let Ok(place) = std::env::var(PLACE) {
        let before = peak();
        let store = FlatBuffersStore::open_read_only(place).unwrap();
        let listed = store.list_workflows().await.map(|listing| listing.workflows.len());
        println!("took {} listed {listed:?}", peak() - before);
        return;
    }
    for (what, bytes) in logs() {
        let folder = tempfile::tempdir().unwrap();
        let dir = RealFs.open_dir(folder.path(), true).unwrap();
        dir.create(&segment::name_of(1)).unwrap().write_at(&bytes, 0).unwrap();
        let name = "b34_a_log_of_any_bytes_takes_no_more_memory_than_eight_times_its_length";
        let test = format!("{}::{name}", module_path!().split_once("::").unwrap().1);
        let mut command = Command::new(std::env::current_exe().unwrap());
        let output = command.args(["--exact", &test, "--nocapture"]).env(PLACE, folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let took = said.split_once("took ").and_then(|(_, rest)| rest.split(' ').next()?.parse::<usize>().ok());
        let took = took.unwrap_or_else(|| panic!("{what}: it was not opened: {said}"));
        println!("{what}: {} % of its length", took * 100 / BYTES);
        assert!(took <= 8 * BYTES, "{what}: {took} bytes for {BYTES}");
    }
}
