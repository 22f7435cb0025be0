//! An order survives a crash at each of its commits, and nothing is done twice, whatever the bank and the carrier say.

use flow_runtime::testing::CrashTest;

use super::*;

/// A ledger in a folder of its own.
struct World {
    ledger: Ledger,
    folder: tempfile::TempDir,
}

impl Provide<Ledger> for World {
    fn provide(&self) -> &Ledger {
        &self.ledger
    }
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { ledger: Ledger::open(&folder.path().join("ledger.jsonl")).unwrap(), folder }
    }

    /// What was done. Steps beside each other come to it in any order.
    fn effects(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("ledger.jsonl")).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }
}

async fn survives(card: Card, city: &str) {
    let order = Order {
        id: "order-1".to_owned(),
        goods: vec!["a kettle".to_owned(), "two cups".to_owned()],
        cents: 4_200.try_into().unwrap(),
        card,
        city: city.to_owned(),
    };
    let test = CrashTest::new(|| fulfil(order.clone())).state(World::new).effects(World::effects);
    assert!(test.everywhere().await.unwrap().len() > 6);
}

#[tokio::test]
async fn b42_b43_an_order_that_is_shipped_survives_a_crash_at_each_commit() {
    survives(Card::Good, "Ghent").await;
}

#[tokio::test]
async fn b42_b43_an_order_that_is_charged_at_the_third_attempt_survives_a_crash_at_each_commit() {
    survives(Card::Flaky, "Ghent").await;
}

#[tokio::test]
async fn b42_b43_an_order_that_is_not_paid_survives_a_crash_at_each_commit() {
    survives(Card::Declined, "Ghent").await;
}

#[tokio::test]
async fn b42_b43_an_order_that_is_paid_back_survives_a_crash_at_each_commit() {
    survives(Card::Good, "Atlantis").await;
}

#[test]
fn the_picture_in_docs_is_of_this_workflow() {
    let kept = std::fs::read_to_string(in_workspace("docs/order_fulfilment.svg")).unwrap_or_default();
    let renew = "cargo run --example order_fulfilment -- --draw docs/order_fulfilment.svg";
    assert!(kept == fulfil::plan().render(Format::Svg), "the workflow has changed since it was drawn; run `{renew}`");
}
