//! A value of a run: as JSON or text where it can be told without its type, else as bytes for who knows it.

use flow_runtime::WorkflowData;
use flow_runtime::state::Payload;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::indented;
use crate::record::value::{self, Said};
use crate::session::Session;
use crate::store::AnyStore;

/// How many bytes of a value are shown where not all are asked for.
const PREVIEW: usize = 4 << 10;

/// How a value is to be shown.
#[derive(Clone, Copy)]
pub(super) struct Form {
    pub(super) raw: bool,
    pub(super) full: bool,
}

/// What a value is.
pub(super) struct What {
    pub(super) path: Option<String>,
    pub(super) type_name: String,
}

/// A value in JSON.
#[derive(Serialize)]
struct Document<'a> {
    run: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    #[serde(rename = "type")]
    type_name: String,
    encoding: &'static str,
    bytes: usize,
    /// Absent if it cannot be told without its type, or if it is long and `--full` was not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Box<RawValue>>,
    truncated: bool,
}

/// Shows a value.
pub(super) async fn show(
    store: &AnyStore,
    data: &WorkflowData,
    payload: &Payload,
    what: What,
    form: Form,
    session: &mut Session,
) -> Result<Exit, Failure> {
    let value = value::fetch(store, data, payload).await?;
    if form.raw {
        session.out.raw(&value.bytes)?;
        return Ok(Exit::Done);
    }
    let (encoding, bytes) = (value::encoding(value.encoding), value.bytes.len());
    let said = value.said();
    if session.out.is_json() {
        let (value, truncated) = in_json(said, form.full)?;
        let run = data.id.as_str();
        session.out.json(Document {
            run,
            step: what.path,
            type_name: what.type_name,
            encoding,
            bytes,
            value,
            truncated,
        })?;
        return Ok(Exit::Done);
    }
    session.out.remark(format!("{} ({encoding}, {})", what.type_name, value::bytes(bytes as u64)));
    match said {
        Said::Json(json) => print(&indented(&json), form, session)?,
        Said::Text(text) => print(&text, form, session)?,
        Said::Bytes => session.out.remark("it cannot be told without its type; --raw writes its bytes"),
    }
    Ok(Exit::Done)
}

/// The value for JSON, and whether it was left out for its length.
fn in_json(said: Said, full: bool) -> Result<(Option<Box<RawValue>>, bool), Failure> {
    let json = match said {
        Said::Json(json) => json,
        Said::Text(text) => serde_json::to_string(&text).map_err(std::io::Error::from)?,
        Said::Bytes => return Ok((None, false)),
    };
    if json.len() > PREVIEW && !full {
        return Ok((None, true));
    }
    Ok((Some(RawValue::from_string(json).map_err(std::io::Error::from)?), false))
}

/// Prints a text line by line, cut if not all of it is asked for.
fn print(text: &str, form: Form, session: &mut Session) -> Result<(), Failure> {
    let most = if form.full { text.len() } else { text.len().min(PREVIEW) };
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    let (shown, rest) = text.split_at(end);
    shown.split('\n').try_for_each(|line| session.out.line(line))?;
    if !rest.is_empty() {
        session
            .out
            .remark(format!("{} more; --full shows all, --raw writes the bytes", value::bytes(rest.len() as u64)));
    }
    Ok(())
}
