//! Making API keys.

use runtime::credential::{ApiKey, KeyEnvironment, KeyHasher};

/// What new keys are made with.
pub(crate) struct Keyring {
    environment: KeyEnvironment,
    hasher: KeyHasher,
}

/// A new key, to be stored by its hash and shown once.
pub(crate) struct MadeKey {
    pub(crate) key: ApiKey,
    pub(crate) hash: [u8; 32],
}

impl Keyring {
    pub(crate) fn new(environment: KeyEnvironment, hasher: KeyHasher) -> Self {
        Self { environment, hasher }
    }

    pub(crate) fn make(&self) -> MadeKey {
        let key = ApiKey::generate(&self.environment);
        let hash = self.hasher.hash(&key);
        MadeKey { key, hash }
    }
}
