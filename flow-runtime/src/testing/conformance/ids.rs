//! Behaviour 33: every id is accepted and kept apart from every other, whatever a file system or a query makes of it.

use fastrand::Rng;

use super::expect::{commit, delete, holds, is_gone, list, lists, must, save};
use super::place::Place;
use super::plans;
use super::records::{self, Run, id};
use crate::state::{RunCreated, WorkflowData, WorkflowId};

/// A record that says which id it is of, in its input as well.
fn record(text: &str) -> WorkflowData {
    let created = RunCreated::new(id(text), plans::plan("orders", &plans::calls(1)), records::text(text));
    Run::of(created, 33).data
}

/// Keeps a run under each id, has them all back, and deletes them one after the other.
async fn are_kept_apart(place: &dyn Place, texts: &[&str]) {
    let records: Vec<WorkflowData> = texts.iter().map(|text| record(text)).collect();
    let store = place.open().await;
    for data in &records {
        save(&store, data).await;
    }
    drop(store);
    let store = place.open().await;
    let ids: Vec<&WorkflowId> = records.iter().map(|data| &data.id).collect();
    lists(&store, &ids, "under ids that are alike").await;
    for data in &records {
        holds(&store, data, "beside ids that are like its own").await;
    }
    for (deleted, data) in records.iter().enumerate() {
        delete(&store, &data.id).await;
        is_gone(&store, &data.id, "after it was deleted").await;
        lists(&store, &ids[deleted + 1..], "after one of ids that are alike was deleted").await;
    }
}

/// Ids that differ in the case of a letter.
pub(super) async fn b33_ids_that_differ_in_case_are_kept_apart(place: &dyn Place) {
    are_kept_apart(place, &["order", "Order", "ORDER", "oRDER", "straße", "STRASSE", "strasse", "ı", "i", "İ", "I"])
        .await;
}

/// Ids that look alike: composed and decomposed letters, full width, invisible marks, ligatures.
pub(super) async fn b33_ids_in_several_unicode_forms_are_kept_apart(place: &dyn Place) {
    let alike = ["\u{e9}", "e\u{301}", "e", "\u{fb01}", "fi", "\u{ff41}", "a", "a\u{200b}", "a\u{ad}", "\u{430}"];
    are_kept_apart(place, &alike).await;
    are_kept_apart(
        place,
        &["\u{1100}\u{1161}", "\u{ac00}", "\u{212b}", "\u{c5}", "A\u{30a}", "\u{feff}a", "a\u{fe0f}"],
    )
    .await;
}

/// Ids that mean folders, or a way out of one.
pub(super) async fn b33_ids_that_lead_elsewhere_are_kept_apart(place: &dyn Place) {
    let paths = [
        "x",
        ".",
        "..",
        "...",
        "../x",
        "x/..",
        "../../etc/passwd",
        "./x",
        "x/.",
        "~",
        "~/x",
        "C:",
        "C:\\x",
        "\\\\h\\x",
    ];
    are_kept_apart(place, &paths).await;
    are_kept_apart(
        place,
        &["%2e%2e", "..%2fx", "..\\x", "x;y", "file:x", "\u{2024}\u{2024}", "x\u{2215}y", "x\u{ff0f}y"],
    )
    .await;
}

/// Ids with slashes, of which one is the folder of another.
pub(super) async fn b33_ids_within_ids_are_kept_apart(place: &dyn Place) {
    are_kept_apart(place, &["a", "a/b", "a/b/c", "a/bc", "ab", "a b", "a.b", "a-b", "a_b", "a\\b", "a:b", "a|b"]).await;
}

/// Ids with dots and spaces at their ends, which some file systems drop.
pub(super) async fn b33_ids_with_dots_and_spaces_at_their_ends_are_kept_apart(place: &dyn Place) {
    are_kept_apart(place, &["a", "a.", "a..", "a ", " a", " a ", ".a", "a. ", "a .", " ", "  ", "\u{a0}", "\u{3000}"])
        .await;
}

/// Names that an operating system keeps for itself.
pub(super) async fn b33_names_of_devices_are_ids(place: &dyn Place) {
    let names = ["CON", "con", "con.json", "PRN", "AUX", "NUL", "nul", "COM1", "COM\u{b9}", "LPT9", "CONIN$", "$MFT"];
    are_kept_apart(place, &names).await;
}

/// Names that stores themselves use.
pub(super) async fn b33_names_of_a_stores_own_files_are_ids(place: &dyn Place) {
    let names = [
        "LOCK",
        "lock",
        "inbox",
        "index",
        "runs",
        "log",
        "0001.log",
        "tmp",
        ".tmp",
        "x.tmp",
        "x.json",
        "x.lock",
        "data",
        "blobs",
        "plans",
        "w-x",
        ".w-x.tmp",
        "workflows",
        "sqlite_master",
        "x-wal",
        "x-shm",
    ];
    are_kept_apart(place, &names).await;
}

/// Ids that look like another id in some encoding of names.
pub(super) async fn b33_ids_that_look_encoded_are_kept_apart(place: &dyn Place) {
    let encoded = ["a/b", "a_2fb", "a_2Fb", "a%2fb", "a%2Fb", "a=2Fb", "a\\x2fb", "a&#47;b", "a+b", "a_5f2fb", "YS9i"];
    are_kept_apart(place, &encoded).await;
}

/// Ids that mean something in a query or a pattern.
pub(super) async fn b33_ids_with_quotes_and_wildcards_are_kept_apart(place: &dyn Place) {
    let quoted = [
        "*",
        "?",
        "%",
        "_",
        "[a]",
        "a",
        "b",
        "'",
        "''",
        "\"",
        "`",
        "'; DROP TABLE runs; --",
        "' OR '1'='1",
        "$1",
        "${x}",
        "{0}",
        "NULL",
        "null",
        "0",
        "00",
        "-1",
        "1e2",
        "100",
        "true",
    ];
    are_kept_apart(place, &quoted).await;
}

/// The shortest ids and the longest, which differ in their last byte or in their first.
pub(super) async fn b33_the_longest_ids_are_kept_apart(place: &dyn Place) {
    let long = "x".repeat(WorkflowId::MAX_BYTES - 1);
    let wide = "\u{10ffff}".repeat(WorkflowId::MAX_BYTES / 4 - 1);
    let upper = "X".repeat(WorkflowId::MAX_BYTES - 1);
    let deep = "d/".repeat(WorkflowId::MAX_BYTES / 2 - 1);
    let mut texts = vec!["x".to_owned(), long.clone(), wide.clone(), upper.clone()];
    for end in ["1", "2"] {
        texts.extend([format!("{long}{end}"), format!("{wide}{end}"), format!("{upper}{end}"), format!("{deep}{end}")]);
        texts.push(format!("{end}{long}"));
    }
    are_kept_apart(place, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

/// Ids of random characters.
pub(super) async fn b33_random_ids_are_kept_apart(place: &dyn Place) {
    let mut rng = Rng::with_seed(33);
    let mut texts: Vec<String> = std::iter::repeat_with(|| random_id(&mut rng)).take(80).collect();
    texts.sort();
    texts.dedup();
    are_kept_apart(place, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

fn random_id(rng: &mut Rng) -> String {
    const ALIKE: [char; 14] = ['a', 'A', 'b', '.', '/', '_', '-', ' ', '%', '2', 'f', 'é', '\u{301}', '\u{1f980}'];
    loop {
        let text: String = (0..rng.usize(1..12)).map(|_| ALIKE[rng.usize(0..ALIKE.len())]).collect();
        if WorkflowId::new(&text).is_ok() {
            return text;
        }
    }
}

/// An id that is listed is the id that was given, to the byte.
pub(super) async fn b33_listed_ids_are_those_that_were_given(place: &dyn Place) {
    let store = place.open().await;
    for text in ["Ärger/mit Ö", "e\u{301}", "a\u{202e}b", "%41", "_41", "tab? \u{2028}"] {
        save(&store, &record(text)).await;
        let listed = list(&store).await;
        must(listed.contains(&id(text)), format_args!("list run {text:?} under its id"), "it lists another");
    }
}

/// Runs that commits create are kept apart as saved ones are.
pub(super) async fn b33_runs_created_by_commits_are_kept_apart(place: &dyn Place) {
    let texts = ["run", "Run", "run.", "run/1", "..", "run%2f1", "e\u{301}", "\u{e9}"];
    let store = place.open().await;
    let mut runs: Vec<Run> = texts.iter().map(|text| Run::new(text, &plans::chain(2))).collect();
    for run in &runs {
        commit(&store, (&run.first, &run.data)).await;
    }
    for local in 0..2 {
        for run in &mut runs {
            let (delta, after) = run.complete(local);
            commit(&store, (&delta, &after)).await;
        }
    }
    drop(store);
    let store = place.open().await;
    for run in &runs {
        holds(&store, &run.data, "beside ids that are like its own").await;
    }
}
