//! The addresses by which clients reach this machine's listeners.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Addresses that no machine has (RFC 5737, RFC 3849), each with the local address for a socket to
/// it.
const ELSEWHERE: [(&str, &str); 2] = [("192.0.2.1:9", "0.0.0.0:0"), ("[2001:db8::1]:9", "[::]:0")];

/// The addresses of these listeners as clients reach them: this machine's own first, then its
/// network's before others, such as those of its containers.
pub(super) fn reachable(listeners: &[SocketAddr]) -> Vec<SocketAddr> {
    let interfaces: Vec<_> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .iter()
        .filter(|interface| !interface.is_link_local())
        .map(if_addrs::Interface::ip)
        .collect();
    let outward: Vec<_> = ELSEWHERE.into_iter().filter_map(source_towards).collect();
    ordered(listeners, &interfaces, &outward)
}

/// The address that this machine would send from. Finding it sends no packet.
fn source_towards((address, any): (&str, &str)) -> Option<IpAddr> {
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(address).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The address of a server as a client on this machine reaches it.
pub(super) fn from_this_machine(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

fn ordered(listeners: &[SocketAddr], interfaces: &[IpAddr], outward: &[IpAddr]) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for listener in listeners {
        if !listener.ip().is_unspecified() {
            addresses.push(*listener);
            continue;
        }
        // Loopback is always there, even if the interfaces cannot be listed.
        let loopback = from_this_machine(listener.ip());
        let own = interfaces.iter().filter(|own| own.is_ipv4() == listener.is_ipv4());
        let own = own.copied().chain([loopback]);
        addresses.extend(own.map(|own| SocketAddr::new(own, listener.port())));
    }
    let rank = |ip: IpAddr| (!ip.is_loopback(), ip.is_ipv6(), !outward.contains(&ip));
    addresses.sort_by_key(|address| (rank(address.ip()), *address));
    addresses.dedup();
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a machine with loopback, containers, one network card, and a private IPv6 network.
    #[track_caller]
    fn check(listeners: &[&str], want: &[&str]) {
        let parse = |text: &&str| text.parse().unwrap();
        let interfaces: Vec<_> =
            ["172.17.0.1", "192.0.2.2", "127.0.0.1", "fd00::2", "::1"].iter().map(parse).collect();
        let outward = ["192.0.2.2".parse().unwrap()];
        let listeners: Vec<_> = listeners.iter().map(|text| text.parse().unwrap()).collect();
        let got = ordered(&listeners, &interfaces, &outward);
        let got: Vec<_> = got.iter().map(ToString::to_string).collect();
        assert_eq!(got, want, "{listeners:?}");
    }

    #[test]
    fn a_listener_on_every_address_is_named_by_the_interfaces() {
        check(&["192.0.2.9:80", "[::1]:80"], &["[::1]:80", "192.0.2.9:80"]);
        check(&["0.0.0.0:80"], &["127.0.0.1:80", "192.0.2.2:80", "172.17.0.1:80"]);
        check(&["[::]:80"], &["[::1]:80", "[fd00::2]:80"]);
        let all = ["127.0.0.1:80", "[::1]:81", "192.0.2.2:80", "172.17.0.1:80", "[fd00::2]:81"];
        check(&["0.0.0.0:80", "[::]:81"], &all);
        let twice = ["127.0.0.1:80", "192.0.2.2:80", "172.17.0.1:80"];
        check(&["0.0.0.0:80", "127.0.0.1:80"], &twice);
    }
}
