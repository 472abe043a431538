//! Panics: what a handler's says may repeat a payload, so it goes to the job and to no log.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;

tokio::task_local! {
    /// Set while a handler runs, in its own task.
    pub(crate) static HANDLING: ();
}

/// Has every panic told by its place only, for the rest of the process. Those of tasks and threads that a handler has
/// started can't be told from those of anybody else, so nobody's message is logged; where it was is enough to find it.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = place(panic);
        if HANDLING.try_with(|()| ()).is_ok() {
            tracing::warn!(place, "a handler panicked");
            return;
        }
        let thread = std::thread::current();
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        tracing::error!(
            place,
            thread = thread.name(),
            backtrace,
            "a task or thread panicked"
        );
    }));
}

fn place(panic: &PanicHookInfo<'_>) -> String {
    panic.location().map(ToString::to_string).unwrap_or_default()
}
