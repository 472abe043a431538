//! Waiting for a condition instead of for a time.

use std::future::Future;
use std::time::Duration;

/// Asks again and again until the answer is there, for at most `limit`.
///
/// # Panics
/// When the time is up; the message names what was waited for.
pub async fn eventually<T, F, Fut>(what: &str, limit: Duration, mut ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let answer = tokio::time::timeout(limit, asking).await;
    answer.unwrap_or_else(|_| panic!("waited {limit:?} in vain for: {what}"))
}
