//! `flow explain`: what the code of an error means, and what to do.

use clap::Args;
use flow_runtime::errors::Code;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Table;
use crate::session::Session;

/// Explain the code of an error
///
/// Each error of Flow has a code, such as `E-STORE-LOCKED`, and a page: what happened, why, what to do, what is safe.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// The code; without it, all codes are listed
    code: Option<String>,
}

#[derive(Serialize)]
struct Document {
    codes: Vec<Explained>,
}

#[derive(Serialize)]
struct Explained {
    code: &'static str,
    title: &'static str,
    help: &'static str,
    page: &'static str,
}

impl Explain {
    #[expect(clippy::unused_async, reason = "all commands are called alike")]
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let codes: Vec<Code> = match self.code {
            Some(name) => vec![Code::find(&name).ok_or(Failure::UnknownCode { name })?],
            None if session.out.is_json() => Code::all().collect(),
            None => return list(session),
        };
        if session.out.is_json() {
            session.out.json(Document { codes: codes.into_iter().map(Explained::from).collect() })?;
        } else {
            codes.iter().flat_map(|code| code.page().lines()).try_for_each(|line| session.out.line(line))?;
        }
        Ok(Exit::Done)
    }
}

fn list(session: &mut Session) -> Result<Exit, Failure> {
    let mut table = Table::new(["CODE", "WHAT HAPPENED"]);
    for code in Code::all() {
        table.row([code.as_str().into(), code.title().into()]);
    }
    session.out.table(&table)?;
    Ok(Exit::Done)
}

impl From<Code> for Explained {
    fn from(code: Code) -> Self {
        Self { code: code.as_str(), title: code.title(), help: code.help(), page: code.page() }
    }
}
