//! The claim survives a crash at each of its commits, whatever becomes of it.

use flow_runtime::testing::{CrashTest, Parked};

use super::*;

fn claim(cents: u64) -> Claim {
    Claim { what: "a taxi".to_owned(), cents }
}

async fn says(run: &Parked<'_, ()>, word: Approval) {
    expense::signals().manager.send(run.engine(), run.id(), &word).await.unwrap();
}

#[tokio::test]
async fn b42_b53_a_claim_survives_a_crash_at_each_commit() {
    CrashTest::new(|| expense(claim(999))).everywhere().await.unwrap();
    // Nobody answers, so that time passes.
    CrashTest::new(|| expense(claim(4_200))).everywhere().await.unwrap();
    let yes = CrashTest::new(|| expense(claim(4_200)));
    let killed = yes.when_parked(async |run| says(run, Approval::approved("Ada")).await).everywhere().await.unwrap();
    assert!(killed.iter().any(|at| at.events.iter().any(|event| event == "StepCompleted of `by_size.answer`")));
    let no = CrashTest::new(|| expense(claim(4_200)));
    no.when_parked(async |run| says(run, Approval::rejected("Ada", "take the bus")).await).everywhere().await.unwrap();
}
