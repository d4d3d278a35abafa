//! A client that speaks TLS to a port that does not: recognised, and refused in its own terms.

/// What a TLS record with the start of a handshake begins with: its type, and the major version
/// that all of TLS has kept (RFC 8446 section 5.1).
const HANDSHAKE_START: [u8; 2] = [0x16, 0x03];

/// A record with a fatal alert, `protocol_version` (RFC 8446 section 6.2), which every client
/// understands before anything is negotiated, and takes for an end at once.
pub(crate) const ALERT: &[u8] = &[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46];

/// What the log shows in place of the request line. One word, so it is no method and target.
pub(crate) const LOG_WORD: &[u8] = b"TLS-handshake";

/// Whether these are the first bytes of a TLS connection, which no request begins with.
pub(crate) fn is_handshake(bytes: &[u8]) -> bool {
    bytes.starts_with(&HANDSHAKE_START)
}
