//! What was logged.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, Once};

use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt as _;

static EVERYWHERE: Once = Once::new();

/// The lines that this thread logs while the value lives. A test's runtime has one thread, so that is all of the test.
pub(crate) struct Logs {
    lines: Lines,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Logs {
    pub(crate) fn capture() -> Self {
        // While only one subscriber exists, a line that is reached first on a thread without it counts as unwanted on
        // every thread. So another one wants all of them, everywhere, and does nothing with them.
        EVERYWHERE.call_once(|| {
            let silent = tracing_subscriber::registry().with(LevelFilter::INFO);
            tracing::subscriber::set_global_default(silent).expect("no other test sets one");
        });
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_max_level(tracing::Level::INFO)
            .with_writer(move || writer.clone())
            .finish();
        Self {
            lines,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// The lines that tell of this outcome of an attempt.
    pub(crate) fn of_outcome(&self, outcome: &str) -> Vec<serde_json::Value> {
        let lines = String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap();
        lines
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .filter(|line| line["outcome"] == outcome)
            .collect()
    }
}
