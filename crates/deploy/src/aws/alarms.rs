//! Alarms in CloudWatch.

use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use serde::Serialize;

use super::{Aws, Error};

/// An alarm that is raised.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Alarm {
    pub(crate) name: String,
    /// Why, in CloudWatch's words.
    pub(crate) reason: String,
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
            let metric = page
                .metric_alarms()
                .iter()
                .map(|it| (it.alarm_name(), it.state_reason()));
            let composite = page
                .composite_alarms()
                .iter()
                .map(|it| (it.alarm_name(), it.state_reason()));
            raised.extend(metric.chain(composite).map(|(name, reason)| Alarm {
                name: name.unwrap_or_default().to_owned(),
                reason: reason.unwrap_or_default().to_owned(),
            }));
        }
        raised.sort();
        Ok(raised)
    }
}
