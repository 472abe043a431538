locals {
  alarms = local.is_service && var.alarms != null
  # An environment that sleeps at night has no tasks then, and nobody wants to hear of it.
  sleeps = try(var.autoscaling.office_hours, null) != null
}

resource "aws_cloudwatch_metric_alarm" "utilisation" {
  for_each = local.alarms ? {
    cpu    = { metric = "CPUUtilization", percent = var.alarms.cpu_percent }
    memory = { metric = "MemoryUtilization", percent = var.alarms.memory_percent }
  } : {}

  alarm_name        = "${local.full_name}-${each.key}"
  alarm_description = "Tasks of ${local.full_name} have used over ${each.value.percent} % of their ${each.key} for a quarter of an hour: scaling has come to its end, or does not see the load. Runbook: ${var.runbook_base}/task-utilisation.md"

  namespace           = "AWS/ECS"
  metric_name         = each.value.metric
  dimensions          = { ClusterName = var.cluster.name, ServiceName = var.service }
  statistic           = "Average"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.percent
  treat_missing_data  = "notBreaching"

  alarm_actions = var.alarms.ticket_topic_arns
  ok_actions    = var.alarms.ticket_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "missing_tasks" {
  count = local.alarms && !local.sleeps ? 1 : 0

  alarm_name        = "${local.full_name}-missing-tasks"
  alarm_description = "Fewer than ${var.desired_count} tasks of ${local.full_name} have run for five minutes: they do not start, or die at once. Runbook: ${var.runbook_base}/missing-tasks.md"

  # The number of samples is the number of running tasks.
  namespace           = "AWS/ECS"
  metric_name         = "CPUUtilization"
  dimensions          = { ClusterName = var.cluster.name, ServiceName = var.service }
  statistic           = "SampleCount"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "LessThanThreshold"
  threshold           = var.desired_count
  # No sample at all is no task at all. Before the first release that is as it should be.
  treat_missing_data = "breaching"
  actions_enabled    = local.is_released

  alarm_actions = var.alarms.page_topic_arns
  ok_actions    = var.alarms.page_topic_arns
}
