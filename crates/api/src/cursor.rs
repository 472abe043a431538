//! Cursors: where the next page begins. Opaque to clients, good for the filters that they came with and for
//! no others.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::{EndpointName, JobId, KeyId, ScheduleId, TenantId, UserId};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What this version of cursors begins with; what comes later can tell old ones apart.
const VERSION: u8 = 1;
const CHECK_LEN: usize = 8;

/// What a list is ordered by: the ids or names of its entries.
pub(crate) trait Key: Clone {
    /// The id as a cursor holds it.
    fn to_bytes(self) -> impl AsRef<[u8]>;

    /// The id of these bytes; `None` when they are none.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl Key for JobId {
    fn to_bytes(self) -> impl AsRef<[u8]> {
        self.0.into_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self)
    }
}

impl Key for EndpointName {
    fn to_bytes(self) -> impl AsRef<[u8]> {
        String::from(self)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        str::from_utf8(bytes).ok()?.parse().ok()
    }
}

impl Key for UserId {
    fn to_bytes(self) -> impl AsRef<[u8]> {
        self.0.to_be_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(i64::from_be_bytes).map(Self)
    }
}

impl Key for ScheduleId {
    fn to_bytes(self) -> impl AsRef<[u8]> {
        self.0.to_be_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(i64::from_be_bytes).map(Self)
    }
}

impl Key for TenantId {
    fn to_bytes(self) -> impl AsRef<[u8]> {
        self.0.into_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self)
    }
}

impl Key for KeyId {
    fn to_bytes(self) -> impl AsRef<[u8]> {
        self.as_str().to_owned()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok()?.parse().ok()
    }
}

/// An entry of the audit log is named by its number.
impl Key for i64 {
    fn to_bytes(self) -> impl AsRef<[u8]> {
        self.to_be_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

/// A cursor after this entry. The checksum is no secret: it tells mistakes, while what a tenant may see is
/// decided by the database.
pub(crate) fn write(after: impl Key, filters: &str) -> String {
    let key = after.to_bytes();
    let mut cursor = vec![VERSION];
    cursor.extend(key.as_ref());
    cursor.extend(check(key.as_ref(), filters));
    BASE64_URL_SAFE_NO_PAD.encode(cursor)
}

/// The entry after which the page begins; `None` when the cursor is damaged, or belongs to other filters.
pub(crate) fn read<K: Key>(cursor: &str, filters: &str) -> Option<K> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (key, claimed) = bytes.strip_prefix(&[VERSION])?.split_last_chunk()?;
    let whole = *claimed == check(key, filters);
    K::from_bytes(key).filter(|_| whole)
}

fn check(key: &[u8], filters: &str) -> [u8; CHECK_LEN] {
    let hash = Sha256::new()
        .chain_update([VERSION])
        .chain_update(key)
        .chain_update(filters)
        .finalize();
    std::array::from_fn(|index| hash[index])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_as_it_was_written(id in any::<u128>(), filters in ".*") {
            let id = JobId(Uuid::from_u128(id));
            prop_assert_eq!(read(&write(id, &filters), &filters), Some(id));
        }

        #[test]
        fn each_kind_of_id_has_its_cursors(id in any::<i64>()) {
            let cursor = write(UserId(id), "");
            prop_assert_eq!(read(&cursor, ""), Some(UserId(id)));
            prop_assert_eq!(read::<JobId>(&cursor, ""), None);
        }

        #[test]
        fn a_changed_cursor_is_refused(
            id in any::<u128>(), at in any::<prop::sample::Index>(), new in "[A-Za-z0-9_-]",
        ) {
            let cursor = write(JobId(Uuid::from_u128(id)), "");
            let at = at.index(cursor.len());
            prop_assume!(cursor[at..=at] != new);
            let mut changed = cursor.clone();
            changed.replace_range(at..=at, &new);
            prop_assert_eq!(read::<JobId>(&changed, ""), None);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            prop_assert_eq!(read::<JobId>(&text, ""), None);
        }
    }

    #[test]
    fn other_filters_are_refused() {
        let cursor = write(JobId(Uuid::from_u128(7)), "state=failed");
        assert!(read::<JobId>(&cursor, "state=queued").is_none());
        assert!(read::<JobId>(&format!("{cursor}A"), "state=failed").is_none());
        assert!(read::<JobId>(&cursor[..cursor.len() - 1], "state=failed").is_none());
    }
}
