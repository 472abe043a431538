//! Alarms in CloudWatch.

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use serde::Serialize;

use super::{Aws, Error};

/// An alarm that is raised.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Alarm {
    pub(crate) name: String,
    /// Why, in CloudWatch's words.
    pub(crate) reason: String,
    /// Since when; CloudWatch always tells.
    #[serde(skip)]
    pub(crate) since: Option<DateTime>,
}

impl Aws {
    /// The raised alarms whose names begin so, by name.
    pub(crate) async fn raised_alarms(&self, prefix: &str) -> Result<Vec<Alarm>, Error> {
        let request = self.cloudwatch.describe_alarms().alarm_name_prefix(prefix);
        let request = request
            .state_value(StateValue::Alarm)
            .alarm_types(AlarmType::MetricAlarm)
            .alarm_types(AlarmType::CompositeAlarm);
        let mut pages = request.into_paginator().send();
        let mut raised = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(Error::of("cloudwatch:DescribeAlarms"))?;
            let metric = page.metric_alarms().iter().map(|it| Alarm {
                name: it.alarm_name().unwrap_or_default().to_owned(),
                reason: it.state_reason().unwrap_or_default().to_owned(),
                since: since(it.state_transitioned_timestamp(), it.state_updated_timestamp()),
            });
            raised.extend(metric);
            let composite = page.composite_alarms().iter().map(|it| Alarm {
                name: it.alarm_name().unwrap_or_default().to_owned(),
                reason: it.state_reason().unwrap_or_default().to_owned(),
                since: since(it.state_transitioned_timestamp(), it.state_updated_timestamp()),
            });
            raised.extend(composite);
        }
        raised.sort();
        Ok(raised)
    }
}

/// When an alarm was raised. The time of the update goes on with each new value, and is for servers that tell no other.
fn since(transitioned: Option<&DateTime>, updated: Option<&DateTime>) -> Option<DateTime> {
    transitioned.or(updated).copied()
}
