use flow_runtime::prelude::*;

#[node]
async fn one(x: u64) -> u64 {
    x + 1
}

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Ticket(u64);

#[node]
async fn number(ticket: &Ticket) -> u64 {
    ticket.0
}

#[node]
async fn issue(x: u64) -> Ticket {
    Ticket(x)
}

workflow! {
    pub fn inner(ticket: Ticket) -> u64 { number(ticket) }

    pub fn outer(x: u64) -> u64 {
        let ticket = issue(x);
        inner(ticket)
    }
}

fn main() {}
