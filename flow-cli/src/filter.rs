//! Which runs are meant, by what is known of them.
//!
//! In: what was typed. Out: a [`Query`].

use clap::Args;
use flow_runtime::store::Query;

use crate::output::time::Moment;
use crate::session::Session;
use crate::words::Status;

/// Which runs are meant, by what is known of them.
#[derive(Args, Debug)]
pub(crate) struct Filter {
    /// Only runs of this status; again for more than one
    #[arg(long, value_name = "STATUS", ignore_case = true)]
    status: Vec<Status>,
    /// Only runs of this workflow
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
    /// Only runs created since then: `1h`, `2d`, `2026-11-30`, `2026-11-30T06:00:00Z`
    #[arg(long, value_name = "WHEN", value_parser = Moment::parse)]
    since: Option<Moment>,
    /// Only runs created until then
    #[arg(long, value_name = "WHEN", value_parser = Moment::parse)]
    until: Option<Moment>,
    /// Only runs with this in their metadata; again for more than one
    #[arg(long = "where", value_name = "KEY=VALUE", value_parser = entry)]
    entries: Vec<(String, String)>,
}

impl Filter {
    /// Whether nothing was asked for, so that all runs are meant.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { status, workflow, since, until, entries } = self;
        status.is_empty() && workflow.is_none() && since.is_none() && until.is_none() && entries.is_empty()
    }

    /// The runs that are meant.
    pub(crate) fn query(&self, session: &Session) -> Query {
        let mut query = Query::new();
        for status in &self.status {
            query = query.status(status.0);
        }
        for (key, value) in &self.entries {
            query = query.metadata(key, value);
        }
        if let Some(workflow) = &self.workflow {
            query = query.workflow(workflow);
        }
        let at = |moment: Option<Moment>| moment.map(|moment| moment.seen_from(session.now));
        match (at(self.since), at(self.until)) {
            (Some(since), Some(until)) => query.created(since..=until),
            (Some(since), None) => query.created(since..),
            (None, Some(until)) => query.created(..=until),
            (None, None) => query,
        }
    }
}

/// `key=value`.
fn entry(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write `key=value`")?;
    Ok((key.to_owned(), value.to_owned()))
}
