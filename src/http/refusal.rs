//! Why a request head is refused: one variant for each reason.
//!
//! The client gets the status and its reason phrase, the log gets the cause; never the other way
//! round. No variant carries bytes of the request, so none can leak into an answer.

use super::status::Status;

/// What a TLS record with the start of a handshake begins with: its type, and the major version
/// that all of TLS has kept (RFC 8446 section 5.1).
const TLS_HANDSHAKE_START: [u8; 2] = [0x16, 0x03];

/// A record with a fatal alert, `protocol_version` (RFC 8446 section 6.2), which every client
/// understands before anything is negotiated, and takes for an end at once.
const TLS_ALERT: &[u8] = &[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46];

/// What the log shows in place of the request line. One word, so it is no method and target.
pub(crate) const TLS_LOG_WORD: &[u8] = b"TLS-handshake";

/// What is wrong with a request head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The start of a TLS connection.
    TlsHandshake,
    /// Not a method, a target and a version with one space between each.
    RequestLine,
    /// More than `REQUEST_LINE_BYTES_MAX` bytes.
    RequestLineTooLong,
    /// A control byte in the request line, a bare CR included.
    ControlByte,
    /// The method is not a token.
    MethodMalformed,
    /// The method is a token, but none that this server knows.
    MethodUnknown,
    /// The version is not `HTTP/` digit `.` digit.
    VersionMalformed,
    /// The major version is not 1.
    VersionUnsupported,
    /// The target has a fragment, which is the client's own affair.
    Fragment,
    /// The target is neither a path nor an http URI, nor the `*` of OPTIONS.
    TargetForm,
    /// The authority of an absolute-form target is not a host with perhaps a port.
    TargetAuthority,
    /// A percent sign in the path without two hexadecimal digits after it.
    PercentTriplet,
    /// The path has an encoded NUL, which no file name has.
    EncodedNul,
    /// A segment has an encoded slash, which no file name has.
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
    /// Host is not a host with perhaps a port.
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

    /// Whether only what is asked for is wrong, or what is to be done to it, in a head that may be
    /// fine otherwise: who may not ask does not learn even that.
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

    /// What is sent in place of a response, to a client that would not understand one. The status
    /// is then only for the log.
    pub(crate) fn raw_reply(self) -> Option<&'static [u8]> {
        (self == Self::TlsHandshake).then_some(TLS_ALERT)
    }

    /// A word for the log, never for the client.
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

/// Whether these are the first bytes of a TLS connection, which no request begins with.
pub(crate) fn is_tls_handshake(bytes: &[u8]) -> bool {
    bytes.starts_with(&TLS_HANDSHAKE_START)
}
