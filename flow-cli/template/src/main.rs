//! A trip is booked, step by step. With `--crash` the program dies half-way; started again, it goes on from there.

use flow_runtime::observe::LineProgress;
use flow_runtime::prelude::*;

#[node]
async fn book_flight(town: &str) -> String {
    format!("a flight to {town}")
}

#[node]
async fn book_hotel(town: &str) -> String {
    format!("a hotel in {town}")
}

#[node]
async fn pay(flight: &str, hotel: &str, cx: &NodeContext) -> String {
    if std::env::args().any(|word| word == "--crash") {
        // Nothing is written and nobody is told, as when the power goes.
        std::process::abort();
    }
    // The key is the same at every attempt, so that a bank which is told it takes the money once.
    format!("{flight} and {hotel}, paid under {}", cx.idempotency_key())
}

workflow! {
    /// Books a trip.
    pub fn book_trip(town: String) -> String {
        let flight = book_flight(town);
        let hotel = book_hotel(town);              // beside the flight: no edge between them
        pay(flight, hotel)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = FlatBuffersStore::open("runs")?;
    let engine = Engine::builder(store).observe(LineProgress::stderr()).build();
    println!("{}", book_trip("Lisbon".to_owned()).run(&engine, "trip-1").await?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use flow_runtime::testing::CrashTest;

    use super::*;

    /// It is killed at each commit, in turn, and ends as it does without that.
    #[tokio::test]
    async fn it_survives_a_crash_at_each_commit() {
        CrashTest::new(|| book_trip("Lisbon".to_owned())).everywhere().await.unwrap();
    }
}
