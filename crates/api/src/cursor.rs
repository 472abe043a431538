//! Cursors: where the next page begins. Opaque to clients, good for the filters that they came with and for
//! no others.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::JobId;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What this version of cursors begins with; what comes later can tell old ones apart.
const VERSION: u8 = 1;
const CHECK_LEN: usize = 8;

/// A cursor after this job. The checksum is no secret: it tells mistakes, while what a tenant may see is
/// decided by the database.
pub(crate) fn write(after: JobId, filters: &str) -> String {
    let mut cursor = vec![VERSION];
    cursor.extend(after.0.as_bytes());
    cursor.extend(check(after, filters));
    BASE64_URL_SAFE_NO_PAD.encode(cursor)
}

/// The job after which the page begins; `None` when the cursor is damaged, or belongs to other filters.
pub(crate) fn read(cursor: &str, filters: &str) -> Option<JobId> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (id, claimed) = bytes.strip_prefix(&[VERSION])?.split_at_checked(16)?;
    let after = JobId(Uuid::from_slice(id).ok()?);
    (claimed == check(after, filters)).then_some(after)
}

fn check(after: JobId, filters: &str) -> [u8; CHECK_LEN] {
    let hash = Sha256::new()
        .chain_update([VERSION])
        .chain_update(after.0.as_bytes())
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
        fn a_changed_cursor_is_refused(
            id in any::<u128>(), at in any::<prop::sample::Index>(), new in "[A-Za-z0-9_-]",
        ) {
            let cursor = write(JobId(Uuid::from_u128(id)), "");
            let at = at.index(cursor.len());
            prop_assume!(cursor[at..=at] != new);
            let mut changed = cursor.clone();
            changed.replace_range(at..=at, &new);
            prop_assert_eq!(read(&changed, ""), None);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            prop_assert_eq!(read(&text, ""), None);
        }
    }

    #[test]
    fn other_filters_are_refused() {
        let cursor = write(JobId(Uuid::from_u128(7)), "state=failed");
        assert!(read(&cursor, "state=queued").is_none());
        assert!(read(&format!("{cursor}A"), "state=failed").is_none());
        assert!(read(&cursor[..cursor.len() - 1], "state=failed").is_none());
    }
}
