//! Panics of handlers that work on personal data.
//!
//! A panic is printed where it happens, before anybody can look for personal data in what it says. So what such a handler
//! says is not printed: it is told in the attempt's failure, without these data.

use std::panic;

tokio::task_local! {
    /// Set while a handler works on a payload with personal data.
    static PERSONAL: ();
}

/// Runs a handler whose panics are not printed.
pub(crate) async fn in_private<T>(handling: impl Future<Output = T>) -> T {
    PERSONAL.scope((), handling).await
}

/// Keeps this process from printing what panics within [`in_private`] say. What a handler does on other threads is not
/// known to be its own, and printed.
pub(crate) fn keep_from_printing() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if PERSONAL.try_with(|()| ()).is_err() {
            print(info);
            return;
        }
        let location = info.location().map(ToString::to_string);
        tracing::error!(
            location,
            "a handler panicked over personal data, so what it said is not logged"
        );
    }));
}
