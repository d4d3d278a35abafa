//! Where a client comes from, as far as fairness goes.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The bits of an IPv6 address that tell one network from another; a customer who has a network has
/// all the addresses in it (RFC 6177).
const NETWORK_BITS: u32 = 64;

/// An IPv4 address, or an IPv6 network of 64 bits: what one person can be expected to have one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin(IpAddr);

impl From<SocketAddr> for Origin {
    fn from(peer: SocketAddr) -> Self {
        peer.ip().into()
    }
}

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() >> NETWORK_BITS << NETWORK_BITS;
                Ipv6Addr::from_bits(network).into()
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
        let origin = |text: &str| Origin::from(text.parse::<SocketAddr>().unwrap());
        assert_eq!(origin(one) == origin(other), is_same, "{one} and {other}");
    }

    #[test]
    fn an_origin_is_an_ipv4_address_or_an_ipv6_network() {
        check("192.0.2.1:1", "192.0.2.1:2", true);
        check("192.0.2.1:1", "192.0.2.2:1", false);
        check("192.0.2.1:1", "[::ffff:192.0.2.1]:2", true);
        check("[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1", false);
        check("[2001:db8:0:1::1]:1", "[2001:db8:0:1:ffff::2]:2", true);
        check("[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1", false);
        check("[::1]:1", "127.0.0.1:1", false);
    }
}
