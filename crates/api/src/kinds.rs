//! The kinds that workers have: what their payloads look like, and what of them is personal.
//!
//! They are read at most every few seconds, all at once. A schema is compiled when it is new, on a thread of its own, and
//! never fetches what it refers to. One that does not compile is nobody's fault who submits, so it checks nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::JsonPointer;
use jsonschema::Validator;
use moka::future::Cache;
use serde_json::Value;
use store::{RegisteredKind, Store};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// How long what was read is believed. A kind that has just been declared is known a moment later than this.
const BELIEVED: Duration = Duration::from_secs(3);

/// How long a request waits for what is read anew, when it can believe what was read before.
const PATIENCE: Duration = Duration::from_millis(500);

/// The most kinds that are known.
const MAX_KINDS: i64 = 1_000;

/// Knows the kinds. Cloning shares what is known.
#[derive(Clone)]
pub(crate) struct Kinds {
    store: Store,
    cache: Cache<(), Arc<KindBook>>,
    /// What was read last: believed for longer when the database does not answer in time, and compiled already.
    last: Arc<Mutex<Option<Arc<KindBook>>>>,
    tasks: TaskTracker,
}

/// All kinds at one moment.
#[derive(Default)]
pub(crate) struct KindBook {
    by_name: HashMap<String, Arc<KnownKind>>,
}

/// One kind.
pub(crate) struct KnownKind {
    pub(crate) registered: RegisteredKind,
    pub(crate) sensitive: Vec<JsonPointer>,
    pub(crate) validator: Option<Validator>,
}

impl Kinds {
    /// Reads them in `tasks`.
    pub(crate) fn new(store: Store, tasks: TaskTracker) -> Self {
        Self {
            store,
            cache: Cache::builder().max_capacity(1).time_to_live(BELIEVED).build(),
            last: Arc::default(),
            tasks,
        }
    }

    /// The kinds, as they were a few seconds ago at most; older ones while the database does not answer in time, and none
    /// if it never did.
    pub(crate) async fn book(&self) -> Arc<KindBook> {
        if let Some(book) = self.cache.get(&()).await {
            return book;
        }
        let kinds = self.clone();
        // It goes on when this request waits no more: the next one believes what it reads.
        let reading = self.tasks.spawn(async move { kinds.read_together().await });
        let read = match self.last() {
            Some(_) => timeout(PATIENCE, reading).await.ok(),
            None => Some(reading.await),
        };
        let book = read.and_then(Result::ok).flatten().or_else(|| self.last());
        book.unwrap_or_default()
    }

    /// Reads them once for all that ask for them meanwhile.
    async fn read_together(&self) -> Option<Arc<KindBook>> {
        let read = self.cache.try_get_with((), self.read()).await;
        read.inspect_err(|error| {
            tracing::debug!(error.chain = %runtime::error_chain(&**error), "the kinds can't be read");
        })
        .ok()
    }

    async fn read(&self) -> Result<Arc<KindBook>, store::Error> {
        let registered = self.store.kinds(MAX_KINDS).await?;
        let last = self.last().unwrap_or_default();
        let before = Arc::clone(&last);
        let compiling = tokio::task::spawn_blocking(move || KindBook::after(&before, registered));
        // A schema that makes the compiler panic checks nothing either.
        let book = compiling.await.map_or(last, Arc::new);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&book));
        Ok(book)
    }

    fn last(&self) -> Option<Arc<KindBook>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl KindBook {
    /// A kind, if a worker has declared it.
    pub(crate) fn find(&self, name: &str) -> Option<&KnownKind> {
        self.by_name.get(name).map(|kind| &**kind)
    }

    /// What of the payloads of a kind is personal.
    pub(crate) fn sensitive(&self, name: &str) -> &[JsonPointer] {
        self.find(name).map_or(&[], |kind| &kind.sensitive)
    }

    /// All kinds, by name.
    pub(crate) fn all(&self) -> Vec<&KnownKind> {
        let mut all: Vec<&KnownKind> = self.by_name.values().map(|kind| &**kind).collect();
        all.sort_by(|a, b| a.registered.name.cmp(&b.registered.name));
        all
    }

    /// Compiles what has changed since the last time.
    fn after(last: &Self, registered: Vec<RegisteredKind>) -> Self {
        let known = |kind: RegisteredKind| {
            let name = kind.name.clone();
            let same = last
                .by_name
                .get(&name)
                .filter(|old| is_same(&old.registered, &kind));
            let known = same.map_or_else(|| Arc::new(KnownKind::new(kind)), Arc::clone);
            (name, known)
        };
        Self {
            by_name: registered.into_iter().map(known).collect(),
        }
    }
}

impl KnownKind {
    fn new(registered: RegisteredKind) -> Self {
        let pointers = registered.sensitive.iter().filter_map(|text| text.parse().ok());
        Self {
            sensitive: pointers.collect(),
            validator: validator(&registered),
            registered,
        }
    }
}

fn is_same(old: &RegisteredKind, new: &RegisteredKind) -> bool {
    let schema = |kind: &RegisteredKind| kind.schema.as_ref().map(|schema| schema.get().to_owned());
    old.live == new.live
        && old.registered_at == new.registered_at
        && old.sensitive == new.sensitive
        && schema(old) == schema(new)
}

fn validator(kind: &RegisteredKind) -> Option<Validator> {
    let schema: Value = serde_json::from_str(kind.schema.as_ref()?.get()).ok()?;
    jsonschema::validator_for(&schema)
        .inspect_err(|error| {
            tracing::warn!(job.kind = kind.name, %error, "a kind's schema does not compile, payloads are not checked");
        })
        .ok()
}
