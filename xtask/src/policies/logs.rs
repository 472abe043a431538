//! Logs are kept for a while and not for ever: that would cost more each month, and keep what nobody may keep.

use super::Planned;

pub(super) fn complaints(planned: &Planned) -> Vec<String> {
    planned
        .of_kind("aws_cloudwatch_log_group")
        .filter(|group| {
            group.values["retention_in_days"]
                .as_u64()
                .is_none_or(|days| days == 0)
        })
        .map(|group| format!("{} must say for how many days logs are kept", group.address))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::planned;
    use super::*;

    #[test]
    fn a_group_without_an_end_is_refused() {
        let groups = [
            ("api.aws_cloudwatch_log_group.a", json!({"retention_in_days": 7})),
            ("api.aws_cloudwatch_log_group.b", json!({"retention_in_days": 0})),
            ("api.aws_cloudwatch_log_group.c", json!({})),
        ];
        assert_eq!(
            complaints(&planned("dev", &groups)),
            ["b", "c"].map(|name| format!(
                "module.platform.module.api.aws_cloudwatch_log_group.{name} must say for how many days logs are kept"
            ))
        );
    }
}
