locals {
  scaled = local.is_service && var.autoscaling != null ? 1 : 0
  target = one(concat(aws_appautoscaling_target.this, aws_appautoscaling_target.sleeping))

  # Free metrics of the service that have a target.
  averages = local.scaled == 0 ? {} : { for name, tracked in {
    cpu    = { metric = "ECSServiceAverageCPUUtilization", percent = var.autoscaling.cpu_percent }
    memory = { metric = "ECSServiceAverageMemoryUtilization", percent = var.autoscaling.memory_percent }
  } : name => tracked if tracked.percent != null }

  # Targets that are expressions over metrics, each with what it is to be kept at.
  expressions = local.scaled == 0 ? {} : merge(
    var.autoscaling.requests_per_minute == null ? {} : {
      requests = {
        # Both groups are counted, since CodeDeploy moves the requests from one to the other.
        expression = join(" + ", [for group in sort(local.target_groups) : "FILL(${group}, 0)"])
        target     = var.autoscaling.requests_per_minute
        metrics = {
          for group in local.target_groups : group => {
            namespace  = "AWS/ApplicationELB"
            name       = "RequestCountPerTarget"
            statistic  = "Sum"
            dimensions = { TargetGroup = aws_lb_target_group.this[group].arn_suffix }
          }
        }
      }
    },
    var.autoscaling.load == null ? {} : {
      load = {
        # A minute without a task's sample has no value, and moves nothing: desired_count, which is at least one, is what starts
        # the first task. To take such a minute for one task would make a late sample look like a burst.
        expression = "(${var.autoscaling.load.expression}) / tasks"
        target     = var.autoscaling.load.per_task
        metrics    = merge(var.autoscaling.load.metrics, { tasks = local.running_tasks })
      }
    },
  )

  # Each task sends one sample of its CPU a minute, so their number is the number of tasks: without paying for
  # Container Insights.
  running_tasks = {
    namespace  = "AWS/ECS"
    name       = "CPUUtilization"
    statistic  = "SampleCount"
    dimensions = { ClusterName = var.cluster.name, ServiceName = var.service }
  }
}

# There are two resources because what a resource ignores can't be a variable.
resource "aws_appautoscaling_target" "this" {
  count = local.sleeps ? 0 : local.scaled

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${var.cluster.name}/${local.service_name}"
  min_capacity       = local.is_released ? var.desired_count : 0
  max_capacity       = var.autoscaling.max

  # Before the first release nothing may start tasks, and right after it nothing may take them away, until this knows of it.
  suspended_state {
    dynamic_scaling_in_suspended  = !local.is_released
    dynamic_scaling_out_suspended = !local.is_released
    scheduled_scaling_suspended   = !local.is_released
  }
}

# The bounds of what sleeps are exchanged by its office hours, twice a day.
resource "aws_appautoscaling_target" "sleeping" {
  count = local.sleeps ? local.scaled : 0

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${var.cluster.name}/${local.service_name}"
  min_capacity       = local.is_released ? var.desired_count : 0
  max_capacity       = var.autoscaling.max

  suspended_state {
    dynamic_scaling_in_suspended  = !local.is_released
    dynamic_scaling_out_suspended = !local.is_released
    scheduled_scaling_suspended   = !local.is_released
  }

  lifecycle {
    ignore_changes = [min_capacity, max_capacity]
  }
}

resource "aws_appautoscaling_policy" "average" {
  for_each = local.averages

  name               = "${local.full_name}-${each.key}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = local.target.service_namespace
  scalable_dimension = local.target.scalable_dimension
  resource_id        = local.target.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.percent
    scale_out_cooldown = var.autoscaling.scale_out_cooldown_seconds
    scale_in_cooldown  = var.autoscaling.scale_in_cooldown_seconds

    predefined_metric_specification {
      predefined_metric_type = each.value.metric
    }
  }
}

resource "aws_appautoscaling_policy" "expression" {
  for_each = local.expressions

  name               = "${local.full_name}-${each.key}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = local.target.service_namespace
  scalable_dimension = local.target.scalable_dimension
  resource_id        = local.target.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.target
    scale_out_cooldown = var.autoscaling.scale_out_cooldown_seconds
    scale_in_cooldown  = var.autoscaling.scale_in_cooldown_seconds

    customized_metric_specification {
      dynamic "metrics" {
        for_each = each.value.metrics

        content {
          id          = metrics.key
          return_data = false

          metric_stat {
            stat = metrics.value.statistic

            metric {
              namespace   = metrics.value.namespace
              metric_name = metrics.value.name

              dynamic "dimensions" {
                for_each = metrics.value.dimensions

                content {
                  name  = dimensions.key
                  value = dimensions.value
                }
              }
            }
          }
        }
      }

      metrics {
        id          = "per_task"
        label       = "${each.key} of each task"
        expression  = each.value.expression
        return_data = true
      }
    }
  }
}

# Nights and weekends of an environment that nobody uses then.
resource "aws_appautoscaling_scheduled_action" "office_hours" {
  for_each = local.scaled == 0 ? {} : var.autoscaling.office_hours == null ? {} : {
    start = { schedule = var.autoscaling.office_hours.start, min = var.desired_count, max = var.autoscaling.max }
    stop  = { schedule = var.autoscaling.office_hours.stop, min = 0, max = 0 }
  }

  name               = "${local.full_name}-${each.key}"
  service_namespace  = local.target.service_namespace
  scalable_dimension = local.target.scalable_dimension
  resource_id        = local.target.resource_id
  schedule           = each.value.schedule
  timezone           = var.autoscaling.office_hours.time_zone

  scalable_target_action {
    min_capacity = each.value.min
    max_capacity = each.value.max
  }
}
