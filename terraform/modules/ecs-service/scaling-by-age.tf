# Tracking looks at three minutes before it moves, and then tasks must start. When something has waited for long already,
# this moves at the first minute.

locals {
  by_age = local.scaled == 1 && try(var.autoscaling.age, null) != null ? 1 : 0
}

resource "aws_appautoscaling_policy" "age" {
  count = local.by_age

  name               = "${local.full_name}-age"
  policy_type        = "StepScaling"
  service_namespace  = local.target.service_namespace
  scalable_dimension = local.target.scalable_dimension
  resource_id        = local.target.resource_id

  step_scaling_policy_configuration {
    adjustment_type          = "PercentChangeInCapacity"
    min_adjustment_magnitude = 1
    metric_aggregation_type  = "Maximum"
    cooldown                 = 60

    # The bounds count from the alarm's threshold.
    step_adjustment {
      metric_interval_lower_bound = 0
      metric_interval_upper_bound = 3 * var.autoscaling.age.seconds
      scaling_adjustment          = 50
    }

    step_adjustment {
      metric_interval_lower_bound = 3 * var.autoscaling.age.seconds
      scaling_adjustment          = 100
    }
  }
}

# It calls nobody; it only starts tasks.
resource "aws_cloudwatch_metric_alarm" "age" {
  #checkov:skip=CKV_AWS_319:Its action is the policy that starts tasks; the scanner does not see through count.
  count = local.by_age

  alarm_name          = "${local.full_name}-scale-by-age"
  alarm_description   = "Something has waited for ${var.autoscaling.age.seconds} s, so ${local.full_name} gets more tasks. Nobody needs to do anything."
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = var.autoscaling.age.seconds
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_appautoscaling_policy.age[0].arn]

  metric_query {
    id          = "oldest"
    label       = "The oldest that waits, in seconds"
    expression  = var.autoscaling.age.expression
    return_data = true
  }

  dynamic "metric_query" {
    for_each = var.autoscaling.age.metrics

    content {
      id = metric_query.key

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        stat        = metric_query.value.statistic
        period      = 60
      }
    }
  }
}
