# Alarms about one metric, or about a formula over a few. Each entry is one alarm; what is not said has the default below.

locals {
  worker_alarms = {
    maintenance-missing = {
      says    = "No worker does the maintenance: nothing is promoted, recovered or fired."
      runbook = "maintenance", urgency = "page"
      metric  = "maintenance_leader", stat = "Maximum", below = 1, minutes = 3, missing = "breaching"
    }
    maintenance-failures = {
      says    = "Passes of the maintenance fail again and again."
      runbook = "maintenance", urgency = "ticket"
      metric  = "maintenance_failures", stat = "Sum", above = 0, minutes = 15, of = 10
    }
    workers = {
      says    = "Fewer workers are alive than there must be."
      runbook = "workers-missing", urgency = "page"
      metric  = "workers", stat = "Maximum", below = var.thresholds.workers, minutes = 3, missing = "breaching"
    }
    overdue = {
      says    = "Scheduled jobs are due and are not queued."
      runbook = "maintenance", urgency = "page"
      metric  = "overdue", stat = "Maximum", above = var.thresholds.overdue_seconds, minutes = 3
    }
    lost-leases = {
      says    = "Workers finish attempts that are no longer theirs: they are stopped for too long, or can't reach the database."
      runbook = "lost-leases", urgency = "ticket"
      metric  = "finishes", labels = { answer = "lease_lost" }, stat = "Sum", above = 0, minutes = 15, of = 3
    }
    heartbeats = {
      says    = "Heartbeats of workers fail. Without three of them in a row their jobs start again elsewhere."
      runbook = "lost-leases", urgency = "ticket"
      metric  = "heartbeats", labels = { result = "failed" }, stat = "Sum", above = 0, minutes = 5, of = 3
    }
    blocked-handlers = {
      says    = "A handler blocks its thread and can't be stopped. It keeps its slot until it ends."
      runbook = "blocked-handlers", urgency = "ticket"
      metric  = "blocked_handlers", stat = "Sum", above = 0, minutes = 5, of = 1
    }
    # Where lanes have dead-letter queues, their own alarms are about one lane each.
    dead-letters = {
      says    = "Jobs failed for good and wait for a decision."
      runbook = "dead-letters", urgency = "ticket"
      metric  = "dead_letters", stat = "Maximum", above = 0, minutes = 3
    }
  }
  # Where all tasks stop at night, silence is as it should be. What workers do tell still counts.
  when_missing = var.sleeps ? { missing = "notBreaching" } : {}
  wanted_worker_alarms = {
    for name, alarm in local.worker_alarms : name => merge(
      { labels = {}, missing = "notBreaching", above = null, below = null, of = null }, alarm, local.when_missing,
    )
    if var.alarms && var.application_metrics && (name != "dead-letters" || length(local.on_sqs) == 0)
  }
}

resource "aws_cloudwatch_metric_alarm" "worker" {
  for_each = local.wanted_worker_alarms

  # Before the first release there is nobody who could tell anything, and nothing is amiss.
  actions_enabled = var.released || each.value.missing != "breaching"

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = "${each.value.says} Runbook: ${var.runbook_base}/${each.value.runbook}.md"

  namespace           = local.namespace
  metric_name         = local.metrics[each.value.metric].name
  dimensions          = merge(local.dimensions[each.value.metric], each.value.labels)
  statistic           = each.value.stat
  period              = 60
  evaluation_periods  = each.value.minutes
  datapoints_to_alarm = coalesce(each.value.of, each.value.minutes)
  comparison_operator = each.value.below == null ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = each.value.below == null ? each.value.above : each.value.below
  treat_missing_data  = each.value.missing

  alarm_actions = [aws_sns_topic.this[each.value.urgency].arn]
  ok_actions    = [aws_sns_topic.this[each.value.urgency].arn]
}

# The database knows how old the oldest queued job is, also when its doorbell was lost or never sent.
resource "aws_cloudwatch_metric_alarm" "oldest_queued" {
  count = var.alarms && var.application_metrics ? 1 : 0

  alarm_name        = "${var.name}-oldest-queued"
  alarm_description = "A job has been queued for too long, as the database knows. Runbook: ${var.runbook_base}/backlog-age.md"

  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.thresholds.oldest_queued_seconds
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "oldest"
    label       = "age of the oldest queued job of all lanes"
    expression  = "MAX(METRICS())"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = local.lane_names
    content {
      id    = "lane${metric_query.key}"
      label = metric_query.value
      metric {
        namespace   = local.namespace
        metric_name = local.metrics.oldest_queued.name
        dimensions  = merge(local.dimensions.oldest_queued, { queue = metric_query.value })
        stat        = "Maximum"
        period      = 60
      }
    }
  }

  alarm_actions = [aws_sns_topic.this["page"].arn]
  ok_actions    = [aws_sns_topic.this["page"].arn]
}

resource "aws_cloudwatch_metric_alarm" "certificate" {
  count = var.alarms && var.certificate != null ? 1 : 0

  alarm_name        = "${var.name}-certificate-expiry"
  alarm_description = "The certificate ends soon and has not been renewed. Runbook: ${var.runbook_base}/certificate-expiry.md"

  namespace           = "AWS/CertificateManager"
  metric_name         = "DaysToExpiry"
  dimensions          = { CertificateArn = var.certificate.arn }
  statistic           = "Minimum"
  period              = 86400
  evaluation_periods  = 1
  comparison_operator = "LessThanThreshold"
  threshold           = var.thresholds.certificate_days
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.this["ticket"].arn]
  ok_actions    = [aws_sns_topic.this["ticket"].arn]
}
