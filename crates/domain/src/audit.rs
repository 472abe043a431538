//! The audit log: who did what, chained by hashes so that nobody can change, drop or insert an entry unseen.
//!
//! Each entry's hash is SHA-256 over the hash of the entry before it (32 zeros for the first) and the entry's fields, in
//! this order: tenant, number, time, key, request, action, target, details. A field is its length in bytes in decimal, a
//! colon, and its text; a field that is absent is `-`. The time is UTC with microseconds, `2026-01-31T12:00:00.000000Z`;
//! the details are the JSON text as it is stored. Postgres computes the hash when it appends (`audit_hash`), and whoever
//! reads a log can compute it again.

use std::fmt;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::{RequestId, TenantId};

/// A link of the chain.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct AuditHash(pub [u8; 32]);

impl AuditHash {
    /// What stands before the first entry.
    pub const ORIGIN: Self = Self([0; 32]);

    /// Reads the hash as [`fmt::Display`] writes it: 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let mut hash = [0; 32];
        if digits.len() != 2 * hash.len() {
            return None;
        }
        for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).ok()?;
            *byte = u8::from_str_radix(pair, 16)
                .ok()
                .filter(|_| !pair.starts_with('+'))?;
        }
        Some(Self(hash))
    }
}

impl fmt::Display for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One entry of a tenant's log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuditEntry {
    /// Whose log it is.
    pub tenant_id: TenantId,
    /// Its place, from 1 without gaps.
    pub number: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// The id of the API key by which it was done; `None` for an operator's command at the database.
    pub key_id: Option<String>,
    /// The request by which it was done.
    pub request_id: Option<RequestId>,
    /// What was done, such as `key.create`.
    pub action: String,
    /// To what: an id or a name.
    pub target: String,
    /// What else there is to know, as JSON text.
    pub details: String,
    /// The hash of the entry before it.
    pub previous_hash: AuditHash,
    /// The hash of this one.
    pub hash: AuditHash,
}

impl AuditEntry {
    /// The hash that belongs to the entry's fields.
    #[must_use]
    pub fn expected_hash(&self) -> AuditHash {
        let at = self.at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        let mut hash = Sha256::new();
        hash.update(self.previous_hash.0);
        for field in [
            Some(self.tenant_id.to_string().as_str()),
            Some(&self.number.to_string()),
            Some(&at),
            self.key_id.as_deref(),
            self.request_id.as_ref().map(RequestId::as_str),
            Some(&self.action),
            Some(&self.target),
            Some(&self.details),
        ] {
            match field {
                Some(text) => hash.update(format!("{}:{text}", text.len())),
                None => hash.update("-"),
            }
        }
        AuditHash(hash.finalize().into())
    }

    /// Checks this entry against the one that follows it: `None` when this is the newest.
    ///
    /// # Errors
    /// What is wrong with the chain here.
    pub fn check(&self, next: Option<&Self>) -> Result<(), BrokenChain> {
        let number = self.number;
        if self.expected_hash() != self.hash {
            return Err(BrokenChain::Changed { number });
        }
        if number == 1 && self.previous_hash != AuditHash::ORIGIN {
            return Err(BrokenChain::Missing { number: 0 });
        }
        match next {
            Some(next) if next.number != number + 1 => Err(BrokenChain::Missing { number: number + 1 }),
            Some(next) if next.previous_hash != self.hash => Err(BrokenChain::Replaced { number }),
            _ => Ok(()),
        }
    }
}

/// Where and how a log was tampered with.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BrokenChain {
    /// The entry's fields do not belong to its hash.
    #[error("entry {number} was changed")]
    Changed {
        /// Its number.
        number: i64,
    },
    /// The entry is not there.
    #[error("entry {number} is missing")]
    Missing {
        /// Its number.
        number: i64,
    },
    /// The entry is whole, but another one than the next was chained to.
    #[error("entry {number} was replaced, or the one after it was")]
    Replaced {
        /// Its number.
        number: i64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: i64, previous_hash: AuditHash) -> AuditEntry {
        let mut entry = AuditEntry {
            tenant_id: TenantId(uuid::Uuid::from_u128(7)),
            number,
            at: DateTime::from_timestamp_micros(1_700_000_000_000_001).unwrap(),
            key_id: Some("0123456789abcdef".to_owned()),
            request_id: None,
            action: "queue.pause".to_owned(),
            target: "défault".to_owned(),
            details: "{}".to_owned(),
            previous_hash,
            hash: AuditHash::ORIGIN,
        };
        entry.hash = entry.expected_hash();
        entry
    }

    fn log() -> [AuditEntry; 3] {
        let first = entry(1, AuditHash::ORIGIN);
        let second = entry(2, first.hash);
        let third = entry(3, second.hash);
        [first, second, third]
    }

    fn check(log: &[AuditEntry]) -> Result<(), BrokenChain> {
        log.iter()
            .enumerate()
            .try_for_each(|(index, entry)| entry.check(log.get(index + 1)))
    }

    #[test]
    fn a_whole_log_is_whole() {
        assert_eq!(check(&log()), Ok(()));
    }

    #[test]
    fn every_field_counts() {
        type Change = fn(&mut AuditEntry);
        let changes: [Change; 7] = [
            |entry| entry.tenant_id = TenantId(uuid::Uuid::nil()),
            |entry| entry.at += chrono::TimeDelta::microseconds(1),
            |entry| entry.key_id = None,
            |entry| entry.request_id = RequestId::parse("r"),
            |entry| entry.action.push('d'),
            |entry| entry.target.clear(),
            |entry| entry.details = "{ }".to_owned(),
        ];
        for change in changes {
            let mut log = log();
            change(&mut log[1]);
            assert_eq!(check(&log), Err(BrokenChain::Changed { number: 2 }));
        }
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let mut moved = entry(1, AuditHash::ORIGIN);
        moved.action = "queue.pausedé".to_owned();
        moved.target = "fault".to_owned();
        assert_ne!(moved.expected_hash(), entry(1, AuditHash::ORIGIN).hash);
    }

    #[test]
    fn what_is_missing_or_replaced_is_told() {
        let [first, second, third] = log();
        let gap = [first.clone(), third.clone()];
        assert_eq!(check(&gap), Err(BrokenChain::Missing { number: 2 }));
        assert_eq!(
            check(&[entry(1, second.hash), second.clone()]),
            Err(BrokenChain::Missing { number: 0 })
        );
        let mut other = second.clone();
        other.target = "low".to_owned();
        other.hash = other.expected_hash();
        assert_eq!(
            check(&[first, other, third]),
            Err(BrokenChain::Replaced { number: 2 })
        );
    }

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = log()[0].hash;
        assert_eq!(AuditHash::parse(&hash.to_string()), Some(hash));
        for wrong in ["", "00", &"+f".repeat(32), &"0g".repeat(32), &"é".repeat(32)] {
            assert_eq!(AuditHash::parse(wrong), None, "{wrong}");
        }
    }
}
