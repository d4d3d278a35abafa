//! The messages of `message_server` and `message_client`, as bytes and as values.
//!
//! A message is the length of its header (2 bytes, big-endian), the header, which is a JSON object,
//! and the content, whose length the header states. [`encode`](Message::encode) and [`decode`] are
//! pure and agree: `encode` never makes a message that `decode` refuses. No function here knows of
//! sockets: [`receive`] takes any reader.

use std::fmt;
use std::io::{self, Read};

use serde_json::{Value, json};

/// The longest header.
pub(crate) const HEADER_BYTES_MAX: usize = 4 * 1024;

/// The longest content.
pub(crate) const CONTENT_BYTES_MAX: usize = 1024 * 1024;

/// The two bytes before the header.
const PREFIX_BYTES: usize = 2;

/// The most bytes that one read takes.
const BUFFER_BYTES: usize = 64 * 1024;

/// A message without its framing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// The kind of content: `text/json`, `binary/...`.
    pub(crate) content_type: String,
    /// How text is encoded: `utf-8`; for other content, `binary`.
    pub(crate) content_encoding: String,
    pub(crate) content: Vec<u8>,
}

/// What [`decode`] found in the bytes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// The start of a message, with no error so far.
    Partial,
    /// A message and its length in bytes; the next message follows it.
    Complete(Message, usize),
}

/// Why bytes are not a message. The start of the next message is then unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    HeaderTooLong(usize),
    HeaderNotJson,
    Field(&'static str),
    ContentTooLong(u64),
}

impl Message {
    /// A message whose content is this value.
    pub(crate) fn json(value: &Value) -> Self {
        let content = value.to_string().into_bytes();
        Self { content_type: "text/json".into(), content_encoding: "utf-8".into(), content }
    }

    /// A message whose content is these bytes.
    pub(crate) fn binary(content: Vec<u8>) -> Self {
        Self { content_type: "binary/bytes".into(), content_encoding: "binary".into(), content }
    }

    /// The message as bytes.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Malformed> {
        let header = json!({
            // The order of bytes in the content's numbers.
            "byteorder": if cfg!(target_endian = "big") { "big" } else { "little" },
            "content-length": self.content.len(),
            "content-type": self.content_type,
            "content-encoding": self.content_encoding,
        });
        let header = header.to_string();
        if header.len() > HEADER_BYTES_MAX {
            return Err(Malformed::HeaderTooLong(header.len()));
        }
        if self.content.len() > CONTENT_BYTES_MAX {
            return Err(Malformed::ContentTooLong(self.content.len() as u64));
        }
        let header_length = u16::try_from(header.len()).expect("HEADER_BYTES_MAX fits");
        Ok([&header_length.to_be_bytes(), header.as_bytes(), &self.content].concat())
    }
}

/// Decodes the message at the start of `bytes`. Keeps no state: after `Partial`, the caller calls
/// it again with more bytes.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, Malformed> {
    let Some((&prefix, rest)) = bytes.split_first_chunk::<PREFIX_BYTES>() else {
        return Ok(Decoded::Partial);
    };
    let header_length = usize::from(u16::from_be_bytes(prefix));
    if header_length > HEADER_BYTES_MAX {
        return Err(Malformed::HeaderTooLong(header_length));
    }
    let Some((header, rest)) = rest.split_at_checked(header_length) else {
        return Ok(Decoded::Partial);
    };
    let (content_type, content_encoding, content_length) = parse_header(header)?;
    let Some(content) = rest.get(..content_length) else { return Ok(Decoded::Partial) };
    let message = Message { content_type, content_encoding, content: content.to_vec() };
    Ok(Decoded::Complete(message, PREFIX_BYTES + header_length + content_length))
}

/// Type, encoding and length of the content. Unknown fields are ignored.
fn parse_header(header: &[u8]) -> Result<(String, String, usize), Malformed> {
    let header: Value = serde_json::from_slice(header).map_err(|_| Malformed::HeaderNotJson)?;
    let text = |name| header[name].as_str().ok_or(Malformed::Field(name));
    if !matches!(text("byteorder")?, "big" | "little") {
        return Err(Malformed::Field("byteorder"));
    }
    let length = header["content-length"].as_u64().ok_or(Malformed::Field("content-length"))?;
    let content_type = text("content-type")?.to_owned();
    let content_encoding = text("content-encoding")?.to_owned();
    match usize::try_from(length) {
        Ok(length) if length <= CONTENT_BYTES_MAX => Ok((content_type, content_encoding, length)),
        _ => Err(Malformed::ContentTooLong(length)),
    }
}

/// Reads the next message; `None` if the stream ends before one begins. `pending` holds bytes that
/// arrived together with the previous message. A [`Malformed`] message is an error of the kind
/// [`InvalidData`](io::ErrorKind::InvalidData).
pub(crate) fn receive(mut stream: impl Read, pending: &mut Vec<u8>) -> io::Result<Option<Message>> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let decoded = decode(pending);
        match decoded.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))? {
            Decoded::Partial => {}
            Decoded::Complete(message, length) => {
                pending.drain(..length);
                return Ok(Some(message));
            }
        }
        match stream.read(&mut buffer)? {
            0 if pending.is_empty() => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => pending.extend_from_slice(&buffer[..length]),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeaderTooLong(length) => {
                write!(out, "the header has {length} bytes; the limit is {HEADER_BYTES_MAX}")
            }
            Self::HeaderNotJson => write!(out, "the header is not JSON"),
            Self::Field(name) => write!(out, "{name} is missing from the header, or invalid"),
            Self::ContentTooLong(length) => {
                write!(out, "the content has {length} bytes; the limit is {CONTENT_BYTES_MAX}")
            }
        }
    }
}

impl std::error::Error for Malformed {}
