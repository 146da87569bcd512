//! Ports in the syntax of EXPOSE and policies.
//!
//! `port[-port][/protocol]`, TCP if no protocol is given (docker/go-connections, `nat/nat.go`). Not here: which program
//! listens.

use std::fmt;

/// A range of ports of one protocol, inclusive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortRange {
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// The lowest port.
    pub first: u16,
    /// The highest port.
    pub last: u16,
}

impl PortRange {
    /// Parses `8000/tcp`, `8000`, `8000-8005/udp`.
    pub fn parse(text: &str) -> Option<PortRange> {
        let (ports, protocol) = text.trim().split_once('/').unwrap_or((text.trim(), "tcp"));
        let protocol = if protocol.is_empty() { "tcp".to_string() } else { protocol.to_ascii_lowercase() };
        if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
            return None;
        }
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let number = |text: &str| text.parse::<u16>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
        let (first, last) = (number(first)?, number(last)?);
        (first <= last).then_some(PortRange { protocol, first, last })
    }

    /// Sorts ranges and merges those that overlap. Adjacent ranges stay separate, so that they read as they were
    /// written.
    pub fn sorted(mut ranges: Vec<PortRange>) -> Vec<PortRange> {
        ranges.sort();
        let mut merged: Vec<PortRange> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if last.protocol == range.protocol && range.first <= last.last => {
                    last.last = last.last.max(range.last);
                }
                _ => merged.push(range),
            }
        }
        merged
    }

    /// The ports in `these` but not in `those`; both must come from [`PortRange::sorted`].
    pub fn without(these: &[PortRange], those: &[PortRange]) -> Vec<PortRange> {
        let mut left = Vec::new();
        let mut skip = 0;
        for range in these {
            // Both are sorted: a range that ends before this one ends before all later ones.
            while those
                .get(skip)
                .is_some_and(|other| (other.protocol.as_str(), other.last) < (range.protocol.as_str(), range.first))
            {
                skip += 1;
            }
            let mut from = u32::from(range.first);
            for other in &those[skip..] {
                if other.protocol != range.protocol || other.first > range.last {
                    break;
                }
                if from < u32::from(other.first) {
                    left.push(range.subrange(from, u32::from(other.first) - 1));
                }
                from = u32::from(other.last) + 1;
            }
            if from <= u32::from(range.last) {
                left.push(range.subrange(from, u32::from(range.last)));
            }
        }
        left
    }

    fn subrange(&self, first: u32, last: u32) -> PortRange {
        let port = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
        PortRange { protocol: self.protocol.clone(), first: port(first), last: port(last) }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}/{}", self.first, self.protocol)
        } else {
            write!(f, "{}-{}/{}", self.first, self.last, self.protocol)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(ranges: &[PortRange]) -> Vec<String> {
        ranges.iter().map(PortRange::to_string).collect()
    }

    #[test]
    fn parses_ports_as_docker_does() {
        let read = |text| PortRange::parse(text).map(|range| range.to_string());
        assert_eq!(read("8000").as_deref(), Some("8000/tcp"));
        assert_eq!(read("8000/UDP").as_deref(), Some("8000/udp"));
        assert_eq!(read("1-65535/").as_deref(), Some("1-65535/tcp"));
        for bad in ["", "/tcp", "a/tcp", "65536", "+80", "9-8", "80/http", "8000/tcp/x"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn subtracts_ranges() {
        let ranges =
            |texts: &[&str]| PortRange::sorted(texts.iter().filter_map(|text| PortRange::parse(text)).collect());
        let left =
            PortRange::without(&ranges(&["22", "23", "80-90", "85-100", "80/udp"]), &ranges(&["82-84", "90", "22"]));
        assert_eq!(shown(&left), ["23/tcp", "80-81/tcp", "85-89/tcp", "91-100/tcp", "80/udp"]);
        let full = ranges(&["0-65535"]);
        assert_eq!(shown(&PortRange::without(&full, &full)), [""; 0]);
    }
}
