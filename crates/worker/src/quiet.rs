//! Panics of handlers: what they say may repeat a payload, so it goes to the job and to no log.

use std::panic::PanicHookInfo;

tokio::task_local! {
    /// Set while a handler runs.
    pub(crate) static HANDLING: ();
}

/// Has a handler's panic told by its place only, for the rest of the process; all others are told as before. What a
/// handler runs in tasks or threads of its own is told whole.
pub(crate) fn quiet_handlers() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if HANDLING.try_with(|()| ()).is_ok() {
            tracing::warn!(place = place(panic), "a handler panicked");
        } else {
            before(panic);
        }
    }));
}

fn place(panic: &PanicHookInfo<'_>) -> String {
    panic.location().map(ToString::to_string).unwrap_or_default()
}
