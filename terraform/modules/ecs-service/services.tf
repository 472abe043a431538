# There are two resources because what a resource ignores can't be a variable. Both ignore the task definition, which is the
# deploy program's, and the number of tasks, which is autoscaling's.

locals {
  is_canary = var.deployment.strategy == "codedeploy_canary"
  # Before the first release there is nothing to run.
  first_count = var.image.digest == null ? 0 : var.desired_count

  capacity = [for choice in [
    { provider = "FARGATE", base = var.capacity.on_demand_base, weight = var.capacity.on_demand_weight },
    { provider = "FARGATE_SPOT", base = 0, weight = var.capacity.spot_weight },
  ] : choice if choice.base + choice.weight > 0]
}

resource "aws_ecs_service" "rolling" {
  #checkov:skip=CKV_AWS_333:Public addresses are for environments without NAT; no rule of the security group lets anybody in from outside.
  count = local.is_service && !local.is_canary ? 1 : 0

  name            = var.service
  cluster         = var.cluster.arn
  task_definition = aws_ecs_task_definition.this.arn
  desired_count   = local.first_count

  deployment_minimum_healthy_percent = var.deployment.min_healthy_percent
  deployment_maximum_percent         = var.deployment.max_percent
  availability_zone_rebalancing      = "ENABLED"
  health_check_grace_period_seconds  = local.balanced == 1 ? 30 : null
  enable_execute_command             = var.execute_command
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"
  # Otherwise a change of the capacity would make the service anew, with no task in between.
  force_new_deployment = true

  deployment_controller {
    type = "ECS"
  }

  # It gives up when tasks do not start. Once one has started, only alarms tell that the new version is bad.
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  dynamic "alarms" {
    for_each = length(var.deployment.alarm_names) > 0 ? [var.deployment.alarm_names] : []

    content {
      alarm_names = alarms.value
      enable      = true
      rollback    = true
    }
  }

  dynamic "capacity_provider_strategy" {
    for_each = local.capacity

    content {
      capacity_provider = capacity_provider_strategy.value.provider
      base              = capacity_provider_strategy.value.base
      weight            = capacity_provider_strategy.value.weight
    }
  }

  network_configuration {
    subnets          = var.network.subnet_ids
    security_groups  = [aws_security_group.this.id]
    assign_public_ip = var.network.assign_public_ip
  }

  dynamic "load_balancer" {
    for_each = local.target_groups

    content {
      target_group_arn = aws_lb_target_group.this[load_balancer.key].arn
      container_name   = var.service
      container_port   = var.port
    }
  }

  lifecycle {
    ignore_changes = [task_definition, desired_count]
  }

  depends_on = [aws_iam_role_policy.execution, aws_lb_listener_rule.this]
}

resource "aws_ecs_service" "canary" {
  #checkov:skip=CKV_AWS_333:Public addresses are for environments without NAT; no rule of the security group lets anybody in from outside.
  count = local.is_service && local.is_canary ? 1 : 0

  name            = var.service
  cluster         = var.cluster.arn
  task_definition = aws_ecs_task_definition.this.arn
  desired_count   = local.first_count
  launch_type     = "FARGATE"

  health_check_grace_period_seconds = 30
  enable_execute_command            = var.execute_command
  enable_ecs_managed_tags           = true
  propagate_tags                    = "SERVICE"

  deployment_controller {
    type = "CODE_DEPLOY"
  }

  network_configuration {
    subnets          = var.network.subnet_ids
    security_groups  = [aws_security_group.this.id]
    assign_public_ip = var.network.assign_public_ip
  }

  # CodeDeploy puts the other group here with each deployment.
  dynamic "load_balancer" {
    for_each = local.balanced == 1 ? [aws_lb_target_group.this["blue"].arn] : []

    content {
      target_group_arn = load_balancer.value
      container_name   = var.service
      container_port   = var.port
    }
  }

  lifecycle {
    ignore_changes = [task_definition, desired_count, load_balancer]
  }

  depends_on = [aws_iam_role_policy.execution, aws_lb_listener_rule.this]
}

locals {
  service_name = one(concat(aws_ecs_service.rolling[*].name, aws_ecs_service.canary[*].name))
}
