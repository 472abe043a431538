//! What workers count about themselves: it shows whether the queue was what it should be in a run.

use std::iter::Sum;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Client;

/// How long a worker may take to tell.
const PATIENCE: Duration = Duration::from_secs(5);

/// What some workers have counted since they were started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counted {
    /// Messages that the queue brought.
    pub(crate) deliveries: u64,
    /// Of those, such as did not start anything: their job was running or done, or is not due.
    pub(crate) idle_deliveries: u64,
    /// Jobs that were started although their message did not come.
    pub(crate) unheard: u64,
}

impl Counted {
    /// Asks one worker; `None` when it does not answer.
    pub(crate) async fn of(http: &Client, addr: SocketAddr) -> Option<Self> {
        let asked = http.get(format!("http://{addr}/metrics")).timeout(PATIENCE);
        let text = asked.send().await.ok()?.text().await.ok()?;
        Some(Self::read(&text))
    }

    fn read(text: &str) -> Self {
        let mut counted = Self::default();
        for line in text.lines() {
            let Some((name, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let Ok(value) = value.parse::<u64>() else {
                continue;
            };
            match name.split('{').next().unwrap_or_default() {
                "tandem_deliveries_total" => counted.deliveries += value,
                "tandem_unheard_doorbells_total" => counted.unheard += value,
                "tandem_claims_total" if !name.contains("answer=\"started\"") => {
                    counted.idle_deliveries += value
                }
                _ => {}
            }
        }
        counted
    }
}

impl Sum for Counted {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, it| Self {
            deliveries: sum.deliveries + it.deliveries,
            idle_deliveries: sum.idle_deliveries + it.idle_deliveries,
            unheard: sum.unheard + it.unheard,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_are_found_among_the_metrics() {
        let text = "# TYPE tandem_claims_total counter\n\
                    tandem_claims_total{answer=\"started\"} 70\n\
                    tandem_claims_total{answer=\"held\"} 5\n\
                    tandem_claims_total{answer=\"finished\"} 2\n\
                    tandem_deliveries_total 77\n\
                    tandem_unheard_doorbells_total 3\n\
                    tandem_pickup_seconds_sum 0.25\n";
        let expected = Counted {
            deliveries: 77,
            idle_deliveries: 7,
            unheard: 3,
        };
        assert_eq!(Counted::read(text), expected);
        assert_eq!([expected, expected].into_iter().sum::<Counted>().deliveries, 154);
    }
}
