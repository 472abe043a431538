# A deployment of the api: new tasks beside the old ones, a part of the requests, a while of watching, then all of them.

locals {
  canary = local.is_service && local.is_canary ? 1 : 0
  # All at once is one of AWS's own configurations; it needs none of ours.
  own_config    = local.canary == 1 && var.deployment.canary_percent < 100 ? 1 : 0
  listener_arns = values(local.listeners)
}

resource "aws_codedeploy_app" "this" {
  count = local.canary

  name             = local.full_name
  compute_platform = "ECS"
}

# It can't be changed, only made anew under another name.
resource "aws_codedeploy_deployment_config" "this" {
  count = local.own_config

  deployment_config_name = "${local.full_name}-${var.deployment.canary_percent}-percent-${var.deployment.bake_minutes}-minutes"
  compute_platform       = "ECS"

  traffic_routing_config {
    type = "TimeBasedCanary"

    time_based_canary {
      percentage = var.deployment.canary_percent
      interval   = var.deployment.bake_minutes
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_codedeploy_deployment_group" "this" {
  count = local.canary

  app_name               = aws_codedeploy_app.this[0].name
  deployment_group_name  = var.service
  deployment_config_name = local.own_config == 1 ? aws_codedeploy_deployment_config.this[0].deployment_config_name : "CodeDeployDefault.ECSAllAtOnce"
  service_role_arn       = aws_iam_role.codedeploy[0].arn

  deployment_style {
    deployment_type   = "BLUE_GREEN"
    deployment_option = "WITH_TRAFFIC_CONTROL"
  }

  auto_rollback_configuration {
    enabled = true
    events  = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
  }

  alarm_configuration {
    enabled = length(var.deployment.alarm_names) > 0
    alarms  = var.deployment.alarm_names
    # Whoever can't see the alarms must not go on as if there were none.
    ignore_poll_alarm_failure = false
  }

  blue_green_deployment_config {
    deployment_ready_option {
      action_on_timeout = "CONTINUE_DEPLOYMENT"
    }

    # As long as the old tasks are there, going back is a change of a rule: seconds.
    terminate_blue_instances_on_deployment_success {
      action                           = "TERMINATE"
      termination_wait_time_in_minutes = var.deployment.keep_previous_minutes
    }
  }

  ecs_service {
    cluster_name = var.cluster.name
    service_name = aws_ecs_service.canary[0].name
  }

  load_balancer_info {
    target_group_pair_info {
      prod_traffic_route {
        listener_arns = [local.listeners.https]
      }

      test_traffic_route {
        listener_arns = [local.listeners.test]
      }

      dynamic "target_group" {
        for_each = ["blue", "green"]

        content {
          name = aws_lb_target_group.this[target_group.value].name
        }
      }
    }
  }

  depends_on = [aws_iam_role_policy.codedeploy]
}

resource "aws_iam_role" "codedeploy" {
  count = local.canary

  name                 = "${local.full_name}-codedeploy"
  description          = "Lets CodeDeploy exchange the tasks of ${local.full_name}."
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "codedeploy.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }]
  })
}

# AWS's own policy for this may change every service and every load balancer of the account; this one may not.
resource "aws_iam_role_policy" "codedeploy" {
  count = local.canary

  name = "exchange-tasks"
  role = aws_iam_role.codedeploy[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "ExchangeTasks"
        Effect = "Allow"
        Action = ["ecs:CreateTaskSet", "ecs:DeleteTaskSet", "ecs:DescribeServices", "ecs:UpdateServicePrimaryTaskSet"]
        Resource = [
          "arn:${local.partition}:ecs:${local.region}:${local.account_id}:service/${var.cluster.name}/${var.service}",
          "arn:${local.partition}:ecs:${local.region}:${local.account_id}:task-set/${var.cluster.name}/${var.service}/*",
        ]
      },
      {
        Sid      = "MoveRequests"
        Effect   = "Allow"
        Action   = ["elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyRule"]
        Resource = concat(local.listener_arns, [for arn in local.listener_arns : "${replace(arn, ":listener/", ":listener-rule/")}/*"])
      },
      {
        Sid      = "LookAtAlarms"
        Effect   = "Allow"
        Action   = ["cloudwatch:DescribeAlarms"]
        Resource = ["arn:${local.partition}:cloudwatch:${local.region}:${local.account_id}:alarm:*"]
      },
      {
        Sid    = "LookAtTheLoadBalancer"
        Effect = "Allow"
        Action = [
          "elasticloadbalancing:DescribeListeners",
          "elasticloadbalancing:DescribeRules",
          "elasticloadbalancing:DescribeTargetGroups",
          "elasticloadbalancing:DescribeTargetHealth",
        ]
        Resource = "*" # AWS knows no narrower resource for these.
      },
      {
        Sid       = "HandTheTasksTheirRoles"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = [aws_iam_role.execution.arn, aws_iam_role.task.arn]
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
    ]
  })
}
