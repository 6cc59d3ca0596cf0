//! Which addresses of a network a message may go to: none that only this machine or its network
//! can reach, whatever name leads there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The address at which a virtual machine of Azure finds the platform; it looks like any other.
const PLATFORM: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// A name leads to an address that must not be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its name leads to a private address")]
pub(super) struct Forbidden;

/// Whether an address belongs to the Internet: not to this machine, its link, a private network,
/// a carrier's, or a range without hosts.
pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = a == 0
        || a >= 224
        || (a == 100 && (b & 0xc0) == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b & 0xfe) == 18);
    let inside = ip.is_private() || ip.is_loopback() || ip.is_link_local();
    !special && !inside && !ip.is_documentation() && ip != PLATFORM
}

/// Global unicast is `2000::/3`; what carries an IPv4 address inside must carry a public one.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(inner) = ip.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    let segments = ip.segments();
    let inner = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inner(high, low),
        [0x2002, high, low, ..] => inner(high, low),
        // Teredo, benchmarks, identifiers without hosts, and documentation.
        [0x2001, second, ..] => second >= 0x0200 && second != 0x0db8,
        [0x3fff, second, ..] => second >= 0x1000,
        [first, ..] => (first & 0xe000) == 0x2000,
    }
}

/// Finds the addresses of a name and refuses them all if one is forbidden. A connection goes to
/// what is found here and nowhere else, so that no second look-up can say something different.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resolver {
    /// Whether `localhost` may be what it is.
    pub(super) loopback: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let loopback = self.loopback && name.as_str() == "localhost";
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed = checked(found, |ip| is_public(ip) || (loopback && ip.is_loopback()))?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// All addresses, or none if one is not allowed.
pub(super) fn checked(
    found: Vec<SocketAddr>,
    is_allowed: impl Fn(IpAddr) -> bool,
) -> Result<Vec<SocketAddr>, Forbidden> {
    if found.iter().all(|address| is_allowed(address.ip())) { Ok(found) } else { Err(Forbidden) }
}
