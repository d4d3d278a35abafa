//! The client behind proxies: X-Forwarded-For, as far as its proxies are trusted.
//!
//! Each proxy appends the address of its own client, so the list is read from the right, over
//! trusted hops only. Everything to the left of the first untrusted hop was written by others and
//! is never read, so a made-up address cannot become the client's.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// The most list elements read. No chain of own proxies is longer, but fields can be.
const HOPS_MAX: usize = 32;

/// The bits before an IPv4 address mapped into IPv6.
const MAPPED_BITS: u32 = 96;

/// A block of addresses, as CIDR writes it (RFC 4632 section 3.1): `10.0.0.0/8`, `::1/128`.
///
/// IPv4 addresses mapped into IPv6 (RFC 4291 section 2.5.5.2) count as IPv4, in blocks and in the
/// addresses compared with them; `::/0` therefore contains no IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    /// As an IPv6 address, to which IPv4 is mapped, with every bit after the prefix zero.
    bits: u128,
    /// The length of the prefix in bits, at most 128.
    prefix_bits: u32,
}

/// The address that the request came from, as far as it can be trusted.
///
/// `forwarded_for` has all X-Forwarded-For lines, joined by commas. A peer that is not trusted is
/// the client itself. Otherwise the client is the first untrusted address from the right; if all
/// are trusted, or an element is not an address, it is the last trusted one read.
#[must_use]
pub(crate) fn client_address(
    peer: IpAddr,
    forwarded_for: Option<&[u8]>,
    trusted: &[Network],
) -> IpAddr {
    let mut client = peer.to_canonical();
    let elements = forwarded_for.unwrap_or_default().rsplit(|&byte| byte == b',');
    // Empty list elements are ignored (RFC 9110 section 5.6.1.2), but count as read.
    let mut hops = elements.take(HOPS_MAX).map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty());
    while trusted.iter().any(|network| network.contains(client)) {
        match hops.next().and_then(parse_hop) {
            Some(address) => client = address,
            None => break,
        }
    }
    client
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:4711`.
fn parse_hop(element: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(element).ok()?;
    let bare = || text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || {
        let inner = text.strip_prefix('[')?.strip_suffix(']')?;
        inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
    };
    let address = bare().or_else(with_port).or_else(bracketed)?;
    Some(address.to_canonical())
}

impl Network {
    /// Whether the block contains the address.
    #[must_use]
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let is_of_family = self.prefix_bits >= MAPPED_BITS || address.to_canonical().is_ipv6();
        is_of_family && masked(address, self.prefix_bits) == self.bits
    }
}

/// A single address is a block of one; bits after the prefix are set to zero.
impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| "not an IP address or network, such as 10.0.0.0/8 or ::1".to_owned())?;
        let mapped_bits = if address.is_ipv4() { MAPPED_BITS } else { 0 };
        let most = Ipv6Addr::BITS - mapped_bits;
        let prefix_bits = match prefix {
            None => most,
            // Parsing a number would also accept a plus sign.
            Some(prefix) => (prefix.parse().ok())
                .filter(|&bits| bits <= most && !prefix.starts_with('+'))
                .ok_or_else(|| {
                    format!("expected a prefix length from 0 to {most} after the slash")
                })?,
        };
        let prefix_bits = prefix_bits + mapped_bits;
        Ok(Self { bits: masked(address, prefix_bits), prefix_bits })
    }
}

/// The address, with IPv4 mapped into IPv6 and every bit after the prefix zero.
fn masked(address: IpAddr, prefix_bits: u32) -> u128 {
    let address = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    // A shift by the whole width (`/0`) leaves nothing, but Rust's operator would overflow.
    address.to_bits() & u128::MAX.checked_shl(Ipv6Addr::BITS - prefix_bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn blocks_hold_their_addresses() {
        let holds = |text, address: &str| network(text).contains(address.parse().unwrap());
        assert!(holds("192.0.2.7", "192.0.2.7"));
        assert!(holds("192.0.2.130/25", "192.0.2.128"));
        assert!(!holds("192.0.2.130/25", "192.0.2.127"));
        assert!(holds("0.0.0.0/0", "255.255.255.255"));
        assert!(!holds("0.0.0.0/0", "::1"));
        assert!(holds("2001:db8::/33", "2001:db8:7fff::1"));
        assert!(!holds("2001:db8::/33", "2001:db8:8000::1"));
        assert!(!holds("::/0", "192.0.2.7"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(holds("::ffff:10.1.2.3/96", "192.0.2.7"));
        assert!(!holds("::ffff:10.1.2.3/95", "192.0.2.7"));
        assert!(holds("::ffff:10.1.2.3/0", "2001:db8::1"));
    }

    #[track_caller]
    fn check_refused(text: &str, want: &str) {
        let message = text.parse::<Network>().unwrap_err();
        assert!(message.contains(want), "{text}: {message}");
    }

    #[test]
    fn other_texts_are_no_blocks() {
        for text in ["", "/8", "10.0.0/8", "localhost", "10.0.0.256", " ::1", "[::1]", "::1%lo"] {
            check_refused(text, "address");
        }
        for text in ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/-1", "10.0.0.0/8/8"] {
            check_refused(text, "from 0 to 32");
        }
        for text in ["::1/129", "::/ 8", "::ffff:10.0.0.0/129", "::/99999999999999999999"] {
            check_refused(text, "from 0 to 128");
        }
    }

    /// The trusted proxies are 10.0.0.0/8 and `::1`. The peer is 10.0.0.1 unless given.
    #[track_caller]
    fn check_from(peer: &str, forwarded_for: Option<&[u8]>, want: &str) {
        let trusted = [network("10.0.0.0/8"), network("::1")];
        let got = client_address(peer.parse().unwrap(), forwarded_for, &trusted);
        assert_eq!(got.to_string(), want, "{:?}", forwarded_for.map(<[u8]>::escape_ascii));
    }

    #[track_caller]
    fn check(forwarded_for: &str, want: &str) {
        check_from("10.0.0.1", Some(forwarded_for.as_bytes()), want);
    }

    #[test]
    fn the_list_is_read_from_the_right_over_trusted_hops() {
        check("192.0.2.7, 10.0.0.2, ::1", "192.0.2.7");
        check("[2001:db8::7]:4711,[::1]", "2001:db8::7");
        check("::ffff:192.0.2.7", "192.0.2.7");
        check("192.0.2.7 ,\t::ffff:10.0.0.2  ", "192.0.2.7");
        check("192.0.2.7,,10.0.0.2, ,", "192.0.2.7");
        check_from("10.0.0.1", None, "10.0.0.1");
        check_from("::1", Some(b"192.0.2.7"), "192.0.2.7");
        check_from("::ffff:10.0.0.1", Some(b"192.0.2.7"), "192.0.2.7");
        // Others are not trusted.
        check_from("::ffff:203.0.113.9", Some(b"192.0.2.7"), "203.0.113.9");
        check("10.9.9.9, 203.0.113.9, 10.0.0.2", "203.0.113.9");
    }

    #[test]
    fn what_is_no_address_ends_the_reading() {
        for wrong in ["unknown", "192.0.2.7:", "[::7", "::7]", "[192.0.2.7]", "\"192.0.2.7\"", "7"]
        {
            check(&format!("203.0.113.9, {wrong}, 10.0.0.2"), "10.0.0.2");
        }
        check_from("10.0.0.1", Some(b"203.0.113.9, \xff\x00"), "10.0.0.1");
    }

    #[test]
    fn a_long_list_is_not_read_to_its_end() {
        let hops = |count: usize| format!("192.0.2.7{}", ", 10.0.0.2".repeat(count));
        check(&hops(HOPS_MAX - 1), "192.0.2.7");
        check(&hops(HOPS_MAX), "10.0.0.2");
        check(&format!("192.0.2.7{}", ",".repeat(HOPS_MAX)), "10.0.0.1");
    }

    proptest! {
        #[test]
        fn any_list_gives_the_peer_or_an_element(list: Vec<u8>, peer: IpAddr) {
            let trusted = [network("0.0.0.0/0"), network("::/0")];
            let got = client_address(peer, Some(&list), &trusted);
            let named = list.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
            let mut named = named.filter_map(parse_hop);
            prop_assert!(got == peer.to_canonical() || named.any(|address| address == got));
            prop_assert_eq!(client_address(peer, Some(&list), &[]), peer.to_canonical());
        }

        #[test]
        fn any_text_is_a_network_or_an_error(text: String, address: IpAddr, prefix in 0..200_u32) {
            let _ = text.parse::<Network>();
            let parsed = format!("{address}/{prefix}").parse::<Network>();
            let most = if address.is_ipv4() { 32 } else { 128 };
            prop_assert_eq!(parsed.is_ok(), prefix <= most);
            if let Ok(network) = parsed {
                prop_assert!(network.contains(address) || address.to_canonical() != address);
            }
        }
    }
}
