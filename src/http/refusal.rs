//! Why a request head is refused: one variant per reason.
//!
//! The client gets the status and its reason phrase, the log gets the cause; never the other way
//! round. No variant has bytes of the request, so none can leak into an answer.

use super::status::Status;

/// The first bytes of a TLS handshake record: its type, and the major version, which never changed
/// (RFC 8446 section 5.1).
const TLS_HANDSHAKE_START: [u8; 2] = [0x16, 0x03];

/// A record with a fatal alert, `protocol_version` (RFC 8446 section 6.2). Every client understands
/// it before anything is negotiated, and gives up at once.
const TLS_ALERT: &[u8] = &[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46];

/// Stands for the request line in the log. A single word, so it is no method and target.
pub(crate) const TLS_LOG_WORD: &[u8] = b"TLS-handshake";

/// The fault in a request head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The start of a TLS connection.
    TlsHandshake,
    /// Not method, target and version, separated by single spaces.
    RequestLine,
    /// More than `REQUEST_LINE_BYTES_MAX` bytes.
    RequestLineTooLong,
    /// A control byte in the request line, a bare CR included.
    ControlByte,
    /// The method is not a token.
    MethodMalformed,
    /// The method is a token, but unknown to this server.
    MethodUnknown,
    /// The version is not `HTTP/` digit `.` digit.
    VersionMalformed,
    /// The major version is not 1.
    VersionUnsupported,
    /// The target has a fragment, which clients must not send.
    Fragment,
    /// The target is neither a path nor an http URI, nor the `*` of OPTIONS.
    TargetForm,
    /// The authority of an absolute-form target is not a host with an optional port.
    TargetAuthority,
    /// A percent sign in the path without two hexadecimal digits after it.
    PercentTriplet,
    /// The path has an encoded NUL, which is in no file name.
    EncodedNul,
    /// A segment has an encoded slash, which is in no file name.
    EncodedSlash,
    /// The path rises above the root with `..`.
    AboveRoot,
    /// More than `HEAD_BYTES_MAX` bytes.
    HeadTooLong,
    /// More than `FIELDS_MAX` field lines.
    TooManyFields,
    /// A field line starts with white space.
    FoldedLine,
    /// White space between a field's name and its colon.
    SpaceBeforeColon,
    /// A field line without a colon, or its name is not a token.
    FieldName,
    /// A control byte in a field's value.
    FieldValue,
    /// An HTTP/1.1 request without Host.
    HostMissing,
    /// More than one Host.
    HostRepeated,
    /// Host is not a host with an optional port.
    HostMalformed,
    /// Content-Length is not a number of bytes below 2^64.
    ContentLengthMalformed,
    /// Content-Length names different numbers.
    ContentLengthConflict,
}

impl Refusal {
    /// The status to answer with.
    #[must_use]
    pub fn status(self) -> Status {
        match self {
            Self::RequestLineTooLong => Status::UriTooLong,
            Self::HeadTooLong | Self::TooManyFields => Status::HeaderFieldsTooLarge,
            Self::MethodUnknown => Status::NotImplemented,
            Self::VersionUnsupported => Status::VersionNotSupported,
            Self::EncodedSlash => Status::NotFound,
            _ => Status::BadRequest,
        }
    }

    /// Whether only the method or the target is wrong, in a head that may be fine otherwise. A
    /// client without access must not even learn that.
    pub(crate) fn is_of_method_or_target(self) -> bool {
        matches!(
            self,
            Self::MethodUnknown
                | Self::Fragment
                | Self::TargetForm
                | Self::TargetAuthority
                | Self::PercentTriplet
                | Self::EncodedNul
                | Self::EncodedSlash
                | Self::AboveRoot
        )
    }

    /// Sent instead of a response, to a client that would not understand one. The status is then
    /// only for the log.
    pub(crate) fn raw_reply(self) -> Option<&'static [u8]> {
        (self == Self::TlsHandshake).then_some(TLS_ALERT)
    }

    /// The cause, for the log and never for the client.
    pub(crate) fn cause(self) -> &'static str {
        match self {
            Self::TlsHandshake => "tls-handshake",
            Self::RequestLine => "request-line",
            Self::RequestLineTooLong => "request-line-too-long",
            Self::ControlByte => "control-byte",
            Self::MethodMalformed => "method-malformed",
            Self::MethodUnknown => "method-unknown",
            Self::VersionMalformed => "version-malformed",
            Self::VersionUnsupported => "version-unsupported",
            Self::Fragment => "fragment",
            Self::TargetForm => "target-form",
            Self::TargetAuthority => "target-authority",
            Self::PercentTriplet => "percent-triplet",
            Self::EncodedNul => "encoded-nul",
            Self::EncodedSlash => "encoded-slash",
            Self::AboveRoot => "above-root",
            Self::HeadTooLong => "head-too-long",
            Self::TooManyFields => "too-many-fields",
            Self::FoldedLine => "folded-line",
            Self::SpaceBeforeColon => "space-before-colon",
            Self::FieldName => "field-name",
            Self::FieldValue => "field-value",
            Self::HostMissing => "host-missing",
            Self::HostRepeated => "host-repeated",
            Self::HostMalformed => "host-malformed",
            Self::ContentLengthMalformed => "content-length-malformed",
            Self::ContentLengthConflict => "content-length-conflict",
        }
    }
}

/// Whether these are the first bytes of a TLS connection. No request begins with them.
pub(crate) fn is_tls_handshake(bytes: &[u8]) -> bool {
    bytes.starts_with(&TLS_HANDSHAKE_START)
}
