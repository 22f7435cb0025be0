//! How a store is named: its kind and where it is.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Where a store is, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) kind: Kind,
    pub(crate) path: PathBuf,
}

/// The kinds of stores that are files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Json,
    FlatBuffers,
}

/// A text names no store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; write `sqlite:flow.db` for a SQLite file, `json:./dir` or `fb:./dir` for a folder")]
pub(crate) struct InvalidAddress {
    reason: String,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Sqlite, Self::Json, Self::FlatBuffers];

    /// What stands before the colon.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Json => "json",
            Self::FlatBuffers => "fb",
        }
    }

    /// What it is, for messages.
    pub(crate) const fn what(self) -> &'static str {
        match self {
            Self::Sqlite => "a SQLite store",
            Self::Json => "a store of JSON files",
            Self::FlatBuffers => "a FlatBuffers store",
        }
    }
}

impl Address {
    /// The address that this text is.
    pub(crate) fn parse(text: &OsStr) -> Result<Self, InvalidAddress> {
        let invalid = |reason: String| Err(InvalidAddress { reason });
        let bytes = text.as_bytes();
        let Some(colon) = bytes.iter().position(|&byte| byte == b':') else {
            return invalid("it does not say what kind of store it is".to_owned());
        };
        let (prefix, path) = bytes.split_at(colon);
        let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.prefix().as_bytes() == prefix) else {
            return invalid(format!("`{}` is no kind of store", String::from_utf8_lossy(prefix)));
        };
        match path.get(1..) {
            None | Some([]) => invalid("it does not say where the store is".to_owned()),
            Some(path) => Ok(Self { kind, path: PathBuf::from(OsStr::from_bytes(path)) }),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.prefix(), self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(Kind, String), String> {
        let address = Address::parse(OsStr::new(text)).map_err(|error| error.reason)?;
        Ok((address.kind, address.path.display().to_string()))
    }

    #[test]
    fn stores_are_named_by_kind_and_path() {
        assert_eq!(parse("sqlite:flow.db"), Ok((Kind::Sqlite, "flow.db".to_owned())));
        assert_eq!(parse("json:/a:b"), Ok((Kind::Json, "/a:b".to_owned())));
        assert_eq!(parse("fb:./d"), Ok((Kind::FlatBuffers, "./d".to_owned())));
    }

    #[test]
    fn what_names_no_store_is_told_why() {
        assert_eq!(parse("flow.db"), Err("it does not say what kind of store it is".to_owned()));
        assert_eq!(parse("redis:x"), Err("`redis` is no kind of store".to_owned()));
        assert_eq!(parse("json:"), Err("it does not say where the store is".to_owned()));
    }
}
