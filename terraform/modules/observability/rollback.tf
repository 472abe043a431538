# Alarms that roll a deployment back. They are quick and coarse: two bad minutes of three. A deployment looks at them while
# it runs, and they tell nobody, because outside a deployment the burn rates say the same with better judgement.

locals {
  rollback_alarms = {
    api-errors = {
      is_known   = var.load_balancer != null
      service    = "api"
      says       = "The api fails too many requests since a deployment."
      threshold  = var.thresholds.error_share
      expression = "IF(FILL(answered,0)+FILL(refused,0)>=10,(FILL(failed,0)+FILL(refused,0))/(FILL(answered,0)+FILL(refused,0)),0)"
      metrics    = local.all_slos.availability.metrics
    }
    api-latency = {
      is_known   = var.application_metrics
      service    = "api"
      says       = "The api answers submits slowly since a deployment."
      threshold  = var.thresholds.rollback_latency_ms / 1000
      expression = "IF(count>=10,p99,0)"
      metrics = {
        count = { namespace = local.namespace, name = local.metrics.http_request_duration.name, stat = "SampleCount", dimensions = merge(local.dimensions.http_request_duration, { operation = "submit" }) }
        p99   = { namespace = local.namespace, name = local.metrics.http_request_duration.name, stat = "p99", dimensions = merge(local.dimensions.http_request_duration, { operation = "submit" }) }
      }
    }
    worker-failures = {
      is_known   = var.application_metrics
      service    = "worker"
      says       = "Too many attempts fail by our own doing since a deployment."
      threshold  = var.thresholds.failed_share
      expression = "IF(FILL(good,0)+FILL(own,0)>=10,FILL(own,0)/(FILL(good,0)+FILL(own,0)),0)"
      # Whose target is broken, does not answer or is sent nonsense has attempts among neither of them.
      metrics = {
        good = { namespace = local.namespace, name = local.metrics.attempts.name, stat = "Sum", dimensions = merge(local.dimensions.attempts, { event = "succeeded" }) }
        own  = { namespace = local.namespace, name = local.metrics.own_failures.name, stat = "Sum", dimensions = local.dimensions.own_failures }
      }
    }
  }
  wanted_rollback_alarms = { for name, alarm in local.rollback_alarms : name => alarm if var.alarms && alarm.is_known }
}

resource "aws_cloudwatch_metric_alarm" "rollback" {
  for_each = local.wanted_rollback_alarms

  alarm_name        = "${var.name}-rollback-${each.key}"
  alarm_description = "${each.value.says} Runbook: ${var.runbook_base}/bad-deploy.md"

  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "watched"
    label       = each.key
    expression  = each.value.expression
    return_data = true
  }

  dynamic "metric_query" {
    for_each = each.value.metrics
    content {
      id = metric_query.key
      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        stat        = metric_query.value.stat
        period      = 60
      }
    }
  }
}
