//! Answers requests for samples.

fn main() -> anyhow::Result<()> {
    harness::serve::main(peers_sqlx::cases, None, std::env::args().skip(1))
}
