locals {
  balanced = var.load_balancer == null ? 0 : 1
  # CodeDeploy needs a second group, for the tasks of the next version.
  target_groups = toset(local.balanced == 0 ? [] : local.is_canary ? ["blue", "green"] : ["blue"])
  listeners = local.balanced == 0 ? {} : merge(
    { https = var.load_balancer.https_listener_arn },
    local.is_canary ? { test = var.load_balancer.test_listener_arn } : {},
  )
}

resource "aws_lb_target_group" "this" {
  #checkov:skip=CKV_AWS_378:TLS ends at the load balancer; from there on only its security group reaches the tasks, within one network.
  for_each = local.target_groups

  name        = "${local.full_name}-${each.key}"
  vpc_id      = var.network.vpc_id
  target_type = "ip"
  protocol    = "HTTP"
  port        = var.port

  # Requests that wait for a job's end are many and long, so counting them says more than taking turns.
  load_balancing_algorithm_type = "least_outstanding_requests"
  deregistration_delay          = var.load_balancer.deregistration_delay_seconds

  health_check {
    path                = var.load_balancer.health_path
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  tags = { Name = "${local.full_name}-${each.key}" }
}

resource "aws_lb_listener_rule" "this" {
  for_each = local.listeners

  listener_arn = each.value
  priority     = var.load_balancer.priority

  condition {
    path_pattern {
      values = var.load_balancer.paths
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this["blue"].arn
  }

  tags = { Name = local.full_name }

  # CodeDeploy moves it to the other group and back.
  lifecycle {
    ignore_changes = [action]
  }
}
