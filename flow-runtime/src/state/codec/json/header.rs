//! The first line of a file: what it is, who may read and write it, and a checksum over all of it.
//!
//! The line is read byte for byte as it is written, and the checksum covers it too, with its own digits as zeros; so
//! a file of which any bit is changed, or that is cut or longer, is not taken for a record. Later versions keep this
//! line, so that any version can say what it is that it does not know.

use super::CodecError;

/// Versions below this one cannot read what is written now.
pub(crate) const MIN_READER: u32 = 1;
/// Versions below this one must not write over what is written now.
pub(crate) const MIN_WRITER: u32 = 1;

/// No header is longer, with numbers of any size.
const MAX_LINE: usize = 160;
const DIGITS: &[u8] = b"00000000";
/// What stands behind the digits of the checksum.
const END: &str = "\",\n";

/// What a file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(super) min_reader: u32,
    pub(super) min_writer: u32,
    pub(super) bytes: u64,
    pub(super) crc: u32,
}

impl Header {
    /// The header of these bytes, if they are whole and this version can read them.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, CodecError> {
        let found =
            Self::parse(bytes).ok_or_else(|| CodecError::broken("they do not begin as the file of a run does"))?;
        if found.bytes != bytes.len() as u64 {
            return Err(CodecError::broken(format!("there are {} of them, not {}", bytes.len(), found.bytes)));
        }
        if checksum(bytes, found.line().len()) != found.crc {
            return Err(CodecError::broken("the checksum does not fit"));
        }
        if found.min_reader > MIN_READER {
            return Err(newer(format!("format {}", found.min_reader), MIN_READER));
        }
        Ok(found)
    }

    /// Refuses a file that this version can read but must not write.
    pub(crate) fn check_writable(&self) -> Result<(), CodecError> {
        if self.min_writer > MIN_WRITER {
            return Err(newer(format!("format {} for writing (it can be read)", self.min_writer), MIN_WRITER));
        }
        Ok(())
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().take(MAX_LINE).position(|&byte| byte == b'\n')?;
        let line = std::str::from_utf8(bytes.get(..=end)?).ok()?;
        let rest = line.strip_prefix("{\"flow\":\"run\",\"min_reader\":")?;
        let (min_reader, rest) = rest.split_once(",\"min_writer\":")?;
        let (min_writer, rest) = rest.split_once(",\"bytes\":")?;
        let (bytes, rest) = rest.split_once(",\"crc32c\":\"")?;
        let crc = rest.strip_suffix(END)?;
        let found = Self {
            min_reader: min_reader.parse().ok()?,
            min_writer: min_writer.parse().ok()?,
            bytes: bytes.parse().ok()?,
            crc: u32::from_str_radix(crc, 16).ok()?,
        };
        (found.line() == line).then_some(found)
    }

    fn line(&self) -> String {
        let Self { min_reader, min_writer, bytes, crc } = self;
        format!(
            "{{\"flow\":\"run\",\"min_reader\":{min_reader},\"min_writer\":{min_writer},\"bytes\":{bytes},\"crc32c\":\"{crc:08x}{END}"
        )
    }
}

fn newer(found: String, known: u32) -> CodecError {
    CodecError::Newer { found, known: format!("formats up to {known}") }
}

/// The file with these members: `members` are those of a JSON object, without the brace that opens it.
pub(crate) fn seal(members: &[u8], min_reader: u32, min_writer: u32) -> Vec<u8> {
    let mut header = Header { min_reader, min_writer, bytes: 0, crc: 0 };
    let rest = header.line().len() - 1 + members.len();
    // The length counts its own digits, of which there are as few as it takes.
    let digits = (1..=20).find(|&digits| (rest + digits).to_string().len() <= digits).unwrap_or(1);
    header.bytes = (rest + digits) as u64;
    let line = header.line();
    let mut bytes = Vec::with_capacity(rest + digits);
    bytes.extend_from_slice(line.as_bytes());
    bytes.extend_from_slice(members);
    header.crc = checksum(&bytes, line.len());
    bytes.splice(..line.len(), header.line().into_bytes());
    bytes
}

/// The checksum of all bytes, those of its own digits being zeros.
fn checksum(bytes: &[u8], line: usize) -> u32 {
    let digits = line - END.len() - DIGITS.len();
    let (before, rest) = bytes.split_at(digits);
    let after = rest.get(DIGITS.len()..).unwrap_or_default();
    [DIGITS, after].into_iter().fold(crc32c::crc32c(before), crc32c::crc32c_append)
}
