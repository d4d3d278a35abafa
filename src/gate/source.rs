//! Where a request comes from, as far as fairness goes.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The leading bits of an IPv6 address that count. A customer is given a network of 48 to 64 bits
/// (RFC 6177 section 2), tunnels of 48 bits are had for nothing: with fewer networks told apart
/// than that, one customer would be 65,536 sources.
const NETWORK_BITS: u32 = 48;

/// An IPv4 address, or an IPv6 network of 48 bits: the most that one customer is likely to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Source(IpAddr);

impl From<SocketAddr> for Source {
    fn from(peer: SocketAddr) -> Self {
        peer.ip().into()
    }
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let mask = u128::MAX << (u128::BITS - NETWORK_BITS);
                Ipv6Addr::from_bits(address.to_bits() & mask).into()
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &str, other: &str, is_same: bool) {
        let source = |text: &str| Source::from(text.parse::<SocketAddr>().unwrap());
        assert_eq!(source(one) == source(other), is_same, "{one} and {other}");
    }

    #[test]
    fn a_source_is_an_ipv4_address_or_an_ipv6_network() {
        check("192.0.2.1:1", "192.0.2.1:2", true);
        check("192.0.2.1:1", "192.0.2.2:1", false);
        check("192.0.2.1:1", "[::ffff:192.0.2.1]:2", true);
        check("[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1", false);
        check("[2001:db8:1:1::1]:1", "[2001:db8:1:ffff:ffff::2]:2", true);
        check("[2001:db8:1:1::1]:1", "[2001:db8:2:1::1]:1", false);
        check("[::1]:1", "127.0.0.1:1", false);
    }
}
