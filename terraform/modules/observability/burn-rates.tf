# Promises are watched by how fast their budget of failures burns, in two windows at once: the long one says that it
# matters, the short one that it still happens. At a rate of 14.4 an hour burns 2 % of a month's budget, at 6 six hours
# burn 5 %, at 1 three days burn 10 %.

locals {
  windows = {
    "1h"  = { seconds = 3600, periods = 1, burn = 14.4 }
    "5m"  = { seconds = 300, periods = 1, burn = 14.4 }
    "6h"  = { seconds = 21600, periods = 1, burn = 6 }
    "30m" = { seconds = 1800, periods = 1, burn = 6 }
    # An alarm's period is a day at most, so three days are three days that each burn too much.
    "3d"       = { seconds = 86400, periods = 3, burn = 1 }
    "3d-short" = { seconds = 21600, periods = 1, burn = 1 }
  }
  # Which windows must agree, and how urgent it then is.
  verdicts = {
    page   = [["1h", "5m"], ["6h", "30m"]]
    ticket = [["3d", "3d-short"]]
  }

  alb = var.load_balancer == null ? {} : { LoadBalancer = var.load_balancer.arn_suffix }

  # `metrics` are what the formula refers to; `bad` is the share that broke the promise.
  all_slos = {
    availability = {
      is_known  = var.load_balancer != null
      objective = var.slo.availability
      runbook   = "api-availability"
      says      = "The api fails too many requests"
      metrics = {
        answered = { namespace = "AWS/ApplicationELB", name = "RequestCount", stat = "Sum", dimensions = local.alb }
        failed   = { namespace = "AWS/ApplicationELB", name = "HTTPCode_Target_5XX_Count", stat = "Sum", dimensions = local.alb }
        # Requests for which there was no target; they are not among those that were answered.
        refused = { namespace = "AWS/ApplicationELB", name = "HTTPCode_ELB_5XX_Count", stat = "Sum", dimensions = local.alb }
      }
      events = "FILL(answered,0)+FILL(refused,0)"
      bad    = "(FILL(failed,0)+FILL(refused,0))/(FILL(answered,0)+FILL(refused,0))"
    }
    latency = {
      is_known  = var.application_metrics
      objective = var.slo.latency
      runbook   = "api-latency"
      says      = "The api answers too many submits later than ${var.slo.latency_ms} ms"
      metrics = {
        count  = { namespace = local.namespace, name = local.metrics.http_request_duration.name, stat = "SampleCount", dimensions = merge(local.dimensions.http_request_duration, { operation = "submit" }) }
        within = { namespace = local.namespace, name = local.metrics.http_request_duration.name, stat = "PR(:${var.slo.latency_ms / 1000})", dimensions = merge(local.dimensions.http_request_duration, { operation = "submit" }) }
      }
      events = "count"
      bad    = "1-within/100"
    }
    pickup = {
      is_known  = var.application_metrics
      objective = var.slo.pickup
      runbook   = "pickup-latency"
      says      = "Too many jobs start later than ${var.slo.pickup_seconds} s after they were due"
      metrics = {
        count  = { namespace = local.namespace, name = local.metrics.pickup.name, stat = "SampleCount", dimensions = local.dimensions.pickup }
        within = { namespace = local.namespace, name = local.metrics.pickup.name, stat = "PR(:${var.slo.pickup_seconds})", dimensions = local.dimensions.pickup }
      }
      events = "count"
      bad    = "1-within/100"
    }
  }
  slos = { for name, slo in local.all_slos : name => slo if var.alarms && slo.is_known && contains(var.burn_rate_alarms, name) }

  burn_alarms = merge([
    for name, slo in local.slos : { for window, times in local.windows : "${name}-${window}" => merge(times, { slo = name }) }
  ]...)
  burn_verdicts = merge([
    for name, slo in local.slos : { for urgency, pairs in local.verdicts : "${name}-${urgency}" => { slo = name, urgency = urgency, pairs = pairs } }
  ]...)
}

# Conditions of composite alarms, by promise and window.
locals {
  burning = {
    for slo in keys(local.slos) : slo => {
      for window in keys(local.windows) : window => format("ALARM(%q)", aws_cloudwatch_metric_alarm.burn[join("-", [slo, window])].alarm_name)
    }
  }
}

# One window of one promise. It tells nobody; what tells is the agreement of two.
resource "aws_cloudwatch_metric_alarm" "burn" {
  for_each = local.burn_alarms

  alarm_name        = "${var.name}-burn-${each.key}"
  alarm_description = "${local.slos[each.value.slo].says}, at ${each.value.burn} times the rate that the promise allows. Runbook: ${var.runbook_base}/${local.slos[each.value.slo].runbook}.md"

  evaluation_periods  = each.value.periods
  comparison_operator = "GreaterThanThreshold"
  # A share can't be more than all, whatever the rate.
  threshold          = min(0.999, each.value.burn * (1 - local.slos[each.value.slo].objective))
  treat_missing_data = "notBreaching"

  metric_query {
    id          = "bad_share"
    label       = "share that broke the promise"
    expression  = "IF(${local.slos[each.value.slo].events}>=${var.slo.minimum_events},${local.slos[each.value.slo].bad},0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = local.slos[each.value.slo].metrics
    content {
      id = metric_query.key
      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        stat        = metric_query.value.stat
        period      = each.value.seconds
      }
    }
  }
}

resource "aws_cloudwatch_composite_alarm" "burn" {
  for_each = local.burn_verdicts

  # What is not there yet has promised nothing, whoever asks for it.
  actions_enabled = var.released

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = "${local.slos[each.value.slo].says}, for long and still now. Runbook: ${var.runbook_base}/${local.slos[each.value.slo].runbook}.md"

  alarm_rule = join(" OR ", [
    for pair in each.value.pairs : format("(%s)", join(" AND ", [for window in pair : local.burning[each.value.slo][window]]))
  ])

  alarm_actions = [aws_sns_topic.this[each.value.urgency].arn]
  ok_actions    = [aws_sns_topic.this[each.value.urgency].arn]
}
