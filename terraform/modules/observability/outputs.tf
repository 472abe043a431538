output "topic_arns" {
  description = "ARNs of the topics by urgency, `page` and `ticket`, for the alarms of other modules."
  value       = { for urgency, topic in aws_sns_topic.this : urgency => topic.arn }
}

output "kms_key_arn" {
  description = "ARN of the key that encrypts the topics."
  value       = local.kms_key_arn
}

output "rollback_alarm_names" {
  description = "Names of the alarms that roll a deployment back, by service. The age of a lane's oldest doorbell belongs to them too; the module queue has it."
  value = {
    for service in ["api", "worker"] : service => [
      for name, alarm in aws_cloudwatch_metric_alarm.rollback : alarm.alarm_name if local.wanted_rollback_alarms[name].service == service
    ]
  }
}

output "composite_alarm_arns" {
  description = "ARNs of the alarms that two windows of a promise raise together, such as `availability-page`."
  value       = { for name, alarm in aws_cloudwatch_composite_alarm.burn : name => alarm.arn }
}

output "alarm_names" {
  description = "Names of all alarms of this module."
  value = sort(concat(
    [for alarm in aws_cloudwatch_metric_alarm.burn : alarm.alarm_name],
    [for alarm in aws_cloudwatch_composite_alarm.burn : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.worker : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.rollback : alarm.alarm_name],
    aws_cloudwatch_metric_alarm.oldest_queued[*].alarm_name,
    aws_cloudwatch_metric_alarm.certificate[*].alarm_name,
  ))
}

output "dashboard_names" {
  description = "Names of the dashboards by what they show."
  value       = { for name, dashboard in aws_cloudwatch_dashboard.this : name => dashboard.dashboard_name }
}

output "cost" {
  description = "What the environment costs, as the dashboards have it."
  value       = var.cost
}

output "published_metrics" {
  description = "What the services must publish to CloudWatch: names, services and sets of labels, as metrics.json lists them."
  value       = local.published
}
