//! What was logged.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, Once};

use serde_json::Value;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt as _;

static EVERYWHERE: Once = Once::new();

/// The lines that this thread logs while the value lives. A test's runtime has one thread, so that is all of the test.
#[derive(Debug)]
pub struct Logs {
    lines: Lines,
    _guard: DefaultGuard,
}

#[derive(Clone, Debug, Default)]
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
    /// Captures what is logged from now on, down to `debug`.
    #[must_use]
    pub fn capture() -> Self {
        // While only one subscriber exists, a line that is reached first on a thread without it counts as unwanted on
        // every thread. So another one wants all of them, everywhere, and does nothing with them.
        EVERYWHERE.call_once(|| {
            let silent = tracing_subscriber::registry().with(LevelFilter::DEBUG);
            tracing::subscriber::set_global_default(silent).expect("no other test sets one");
        });
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_max_level(tracing::Level::DEBUG)
            .with_writer(move || writer.clone())
            .finish();
        Self {
            lines,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// What was logged since the last call.
    pub fn take(&self) -> Vec<Value> {
        let bytes = std::mem::take(&mut *self.lines.0.lock().unwrap());
        let lines = String::from_utf8(bytes).unwrap();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}
