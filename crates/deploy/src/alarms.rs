//! Which raised alarms say something about a release.
//!
//! Most alarms of an environment are about something else: dead letters that wait for a decision, a certificate, work that asks
//! for more tasks. Those that say a release is bad are the ones that Terraform has deployments look at.

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::primitives::DateTime;

use crate::aws::{Alarm, Error};
use crate::session::Session;
use crate::{plan, rolling};

/// The raised alarms of an environment, by what they say about the release that came last.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Judged {
    /// Deployments look at them, and they were raised since it began.
    pub(crate) against: Vec<Alarm>,
    /// Deployments look at them, and they were raised before.
    pub(crate) older: Vec<Alarm>,
    /// No deployment looks at them.
    pub(crate) others: Vec<Alarm>,
}

/// The raised alarms that deployments look at.
pub(crate) async fn raised_and_watched(session: &Session) -> Result<Vec<Alarm>, Error> {
    let watched = watched(session).await?;
    let mut raised = raised(session).await?;
    raised.retain(|alarm| watched.contains(&alarm.name));
    Ok(raised)
}

/// The raised alarms, judged by when the release began.
pub(crate) async fn judged(session: &Session, began_at: Option<DateTime>) -> Result<Judged, Error> {
    Ok(judge(raised(session).await?, &watched(session).await?, began_at))
}

/// Where a time is not told, an alarm counts.
fn judge(raised: Vec<Alarm>, watched: &BTreeSet<String>, began_at: Option<DateTime>) -> Judged {
    let mut judged = Judged::default();
    for alarm in raised {
        let is_older = alarm
            .since
            .zip(began_at)
            .is_some_and(|(since, began)| since < began);
        match (watched.contains(&alarm.name), is_older) {
            (true, false) => judged.against.push(alarm),
            (true, true) => judged.older.push(alarm),
            (false, _) => judged.others.push(alarm),
        }
    }
    judged
}

async fn raised(session: &Session) -> Result<Vec<Alarm>, Error> {
    session.aws.raised_alarms(&format!("{}-", session.name)).await
}

/// The names of the alarms that deployments look at.
async fn watched(session: &Session) -> Result<BTreeSet<String>, Error> {
    let mut watched = BTreeSet::new();
    for program in plan::ORDER {
        match &session.environment.service(program).codedeploy {
            Some(codedeploy) => watched.extend(session.aws.deployment_alarms(codedeploy).await?),
            None => watched.extend(rolling::service(session, program).await?.alarms),
        }
    }
    Ok(watched)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(name: &str, since_secs: Option<i64>) -> Alarm {
        Alarm {
            name: name.to_owned(),
            reason: String::new(),
            since: since_secs.map(DateTime::from_secs),
        }
    }

    #[test]
    fn what_is_watched_and_was_raised_since_counts() {
        let raised = vec![
            alarm("dead-letters", Some(30)),
            alarm("rollback-a", Some(19)),
            alarm("rollback-b", Some(20)),
            alarm("rollback-c", None),
        ];
        let watched = ["rollback-a", "rollback-b", "rollback-c"]
            .map(str::to_owned)
            .into();
        let names = |alarms: &[Alarm]| alarms.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
        let judged = judge(raised.clone(), &watched, Some(DateTime::from_secs(20)));
        assert_eq!(names(&judged.against), ["rollback-b", "rollback-c"]);
        assert_eq!(names(&judged.older), ["rollback-a"]);
        assert_eq!(names(&judged.others), ["dead-letters"]);
        // Before the first release nothing is older.
        assert_eq!(judge(raised, &watched, None).against.len(), 3);
    }
}
