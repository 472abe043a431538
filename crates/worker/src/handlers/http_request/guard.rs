//! Keeps requests out of networks that their senders could not reach themselves.
//!
//! A client chooses the URL, but the worker's network answers: metadata services, databases, neighbours. So names are
//! resolved to public addresses only, and the connection is made to exactly those addresses: there is no second look at
//! the name, which could then say something else.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use domain::FailureCode;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::handler::JobError;

/// Where requests may go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Targets {
    /// To public addresses only.
    Public,
    /// Anywhere that this process can reach: for development, and where only trusted people submit jobs.
    Any,
    /// To this machine only: for tests whose URLs nobody has chosen.
    Local,
}

impl Targets {
    fn allow(self, ip: IpAddr) -> bool {
        match self {
            Self::Public => is_public(ip),
            Self::Any => true,
            Self::Local => ip.is_loopback(),
        }
    }

    /// What an address is not when it is not allowed.
    fn in_words(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Any => "reachable",
            Self::Local => "local",
        }
    }
}

/// Refuses a URL that names a forbidden address outright; names are checked when they are resolved.
pub(super) fn check(targets: Targets, url: &Url) -> Result<(), JobError> {
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    if !targets.allow(ip) {
        return Err(JobError::abort_as(
            FailureCode::TargetRefused,
            format!("{ip} is not a {} address", targets.in_words()),
        ));
    }
    Ok(())
}

/// Resolves names to allowed addresses.
#[derive(Debug)]
pub(super) struct AllowedOnly(pub(super) Targets);

impl Resolve for AllowedOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let targets = self.0;
        Box::pin(async move {
            // Whoever may reach this machine only does not ask others about names either.
            if targets == Targets::Local && name.as_str() != "localhost" {
                return Err(io::Error::other("the name is not that of this machine").into());
            }
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<_> = found.filter(|address| targets.allow(address.ip())).collect();
            if allowed.is_empty() {
                let message = format!("the name has no {} address", targets.in_words());
                return Err(io::Error::other(message).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(mapped) => is_public_v4(mapped),
            None => is_public_v6(ip),
        },
    }
}

/// By the registry of special-purpose addresses (RFC 6890 and its successors).
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 224;
    !special
}

/// Only global unicast, without the blocks in it that lead to IPv4 addresses or to nowhere.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    let global_unicast = a & 0xe000 == 0x2000;
    let special = (a == 0x2001 && (b < 0x0200 || b == 0x0db8)) || a == 0x2002 || (a == 0x3fff && b < 0x1000);
    global_unicast && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for public in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "198.20.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }

    #[test]
    fn every_spelling_of_an_address_is_checked() {
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]/",
            "http://0/",
        ] {
            let url = Url::parse(url).unwrap();
            assert!(check(Targets::Public, &url).is_err(), "{url}");
            assert!(check(Targets::Any, &url).is_ok(), "{url}");
        }
        assert!(check(Targets::Public, &Url::parse("https://1.1.1.1/").unwrap()).is_ok());
    }

    #[tokio::test]
    async fn a_name_for_a_private_address_is_not_resolved() {
        let refusal = AllowedOnly(Targets::Public)
            .resolve("localhost".parse().unwrap())
            .await
            .err()
            .unwrap();
        assert_eq!(refusal.to_string(), "the name has no public address");
    }

    #[tokio::test]
    async fn what_may_reach_this_machine_only_leaves_it_neither_by_address_nor_by_name() {
        for url in [
            "http://1.1.1.1/",
            "http://10.0.0.1/",
            "http://[2606:4700::1111]/",
            "http://0.0.0.0/",
        ] {
            assert!(check(Targets::Local, &Url::parse(url).unwrap()).is_err(), "{url}");
        }
        for url in ["http://127.0.0.1/", "http://[::1]/", "http://localhost/"] {
            assert!(check(Targets::Local, &Url::parse(url).unwrap()).is_ok(), "{url}");
        }
        let resolve = |name: &str| AllowedOnly(Targets::Local).resolve(name.parse().unwrap());
        assert!(resolve("localhost").await.is_ok());
        let refusal = resolve("example.com").await.err().unwrap();
        assert_eq!(refusal.to_string(), "the name is not that of this machine");
    }
}
