data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

# Services that are behind it add their rules themselves: it may send to them and to nothing else.
resource "aws_security_group" "this" {
  name        = "${var.name}-load-balancer"
  description = "The load balancer: HTTPS from clients, and to the services behind it."
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-load-balancer" }
}

resource "aws_vpc_security_group_ingress_rule" "https" {
  for_each = var.allowed_cidrs

  security_group_id = aws_security_group.this.id
  description       = "HTTPS from clients."
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_ingress_rule" "test" {
  for_each = var.test_cidrs

  security_group_id = aws_security_group.this.id
  description       = "HTTPS from those who try a deployment before it gets traffic."
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 8443
  to_port           = 8443
}

resource "aws_lb" "this" {
  #checkov:skip=CKV_AWS_91:There are access logs unless access_logs is null, which is for environments that come and go.
  #checkov:skip=CKV_AWS_150:It is protected unless deletion_protection is turned off, which is for environments that come and go.
  #checkov:skip=CKV2_AWS_20:There is no listener for plain HTTP: nothing would be redirected, it is refused.
  #checkov:skip=CKV2_AWS_28:There is a firewall unless waf is null, which saves its price in environments that strangers can't reach.
  #checkov:skip=CKV2_AWS_76:The firewall has the group against Log4j unless waf is null; the scanner does not look into dynamic rules.
  name               = var.name
  load_balancer_type = "application"
  internal           = var.internal
  subnets            = var.subnet_ids
  security_groups    = [aws_security_group.this.id]

  idle_timeout               = var.idle_timeout_seconds
  enable_deletion_protection = var.deletion_protection
  # What has more than one meaning is refused, so that nobody smuggles a request past the firewall.
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "strictest"
  preserve_host_header       = true

  dynamic "access_logs" {
    for_each = aws_s3_bucket.access_logs[*].id

    content {
      bucket  = access_logs.value
      enabled = true
    }
  }

  tags = { Name = var.name }

  # It tries whether it may write, as soon as it is told to.
  depends_on = [aws_s3_bucket_policy.access_logs]
}

locals {
  certificate_arn = var.domain == null ? var.certificate_arn : aws_acm_certificate_validation.this[0].certificate_arn

  # As the api says it, so that clients need to know one form of errors.
  not_found = jsonencode({ type = "about:blank", title = "There is nothing here", status = 404, code = "not_found" })

  listeners = merge({ https = 443 }, var.test_listener ? { test = 8443 } : {})
}

# Nothing listens for plain HTTP. Redirecting it would let clients send their keys in the clear, each time, and never learn.
resource "aws_lb_listener" "this" {
  for_each = local.listeners

  load_balancer_arn = aws_lb.this.arn
  port              = each.value
  protocol          = "HTTPS"
  ssl_policy        = var.ssl_policy
  certificate_arn   = local.certificate_arn

  routing_http_response_server_enabled                         = false
  routing_http_response_strict_transport_security_header_value = "max-age=31536000"

  # Services add rules for what is theirs.
  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "application/json"
      message_body = local.not_found
      status_code  = "404"
    }
  }
}

# Before all rules of services, which have priorities from 100.
resource "aws_lb_listener_rule" "hidden" {
  for_each = aws_lb_listener.this

  listener_arn = each.value.arn
  priority     = 1

  condition {
    path_pattern {
      values = var.hidden_paths
    }
  }

  action {
    type = "fixed-response"

    fixed_response {
      content_type = "application/json"
      message_body = local.not_found
      status_code  = "404"
    }
  }

  tags = { Name = "${var.name}-hidden" }
}
