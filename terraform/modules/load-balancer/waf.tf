locals {
  waf      = var.waf == null ? 0 : 1
  waf_logs = var.waf == null ? 0 : var.waf.log_retention_days == 0 ? 0 : 1
}

resource "aws_wafv2_web_acl" "this" {
  #checkov:skip=CKV2_AWS_31:It logs unless log_retention_days is 0; the scanner does not see through count.
  #checkov:skip=CKV_AWS_192:The group against Log4j is among the managed groups; the scanner does not look into dynamic rules.
  count = local.waf

  name        = var.name
  description = "In front of the api: a limit for each address, and what AWS knows of attacks."
  scope       = "REGIONAL"

  default_action {
    allow {}
  }

  custom_response_body {
    key          = "rate_limited"
    content_type = "APPLICATION_JSON"
    content      = jsonencode({ type = "about:blank", title = "Too many requests", status = 429, code = "rate_limited" })
  }

  # First, since it is the cheapest, and whoever floods us should cost no more than that.
  rule {
    name     = "rate"
    priority = 0

    action {
      block {
        custom_response {
          response_code            = 429
          custom_response_body_key = "rate_limited"

          response_header {
            name  = "Retry-After"
            value = "60"
          }
        }
      }
    }

    statement {
      rate_based_statement {
        limit                 = var.waf.rate_limit
        aggregate_key_type    = "IP"
        evaluation_window_sec = 300
      }
    }

    visibility_config {
      metric_name                = "${var.name}-rate"
      cloudwatch_metrics_enabled = true
      sampled_requests_enabled   = true
    }
  }

  dynamic "rule" {
    for_each = { for index, group in sort(keys(var.waf.managed_groups)) : group => index }

    content {
      name     = rule.key
      priority = 10 + rule.value

      override_action {
        none {}
      }

      statement {
        managed_rule_group_statement {
          name        = rule.key
          vendor_name = "AWS"

          dynamic "rule_action_override" {
            for_each = var.waf.managed_groups[rule.key]

            content {
              name = rule_action_override.key

              action_to_use {
                count {}
              }
            }
          }
        }
      }

      visibility_config {
        metric_name                = "${var.name}-${rule.key}"
        cloudwatch_metrics_enabled = true
        sampled_requests_enabled   = true
      }
    }
  }

  visibility_config {
    metric_name                = var.name
    cloudwatch_metrics_enabled = true
    sampled_requests_enabled   = true
  }
}

resource "aws_wafv2_web_acl_association" "this" {
  count = local.waf

  resource_arn = aws_lb.this.arn
  web_acl_arn  = aws_wafv2_web_acl.this[0].arn
}

resource "aws_cloudwatch_log_group" "waf" {
  #checkov:skip=CKV_AWS_338:What was blocked is of use for weeks, not for a year; log_retention_days is a variable.
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts logs by itself; kms_key_arn is for whoever must hold the key.
  count = local.waf_logs

  # AWS demands that the name begin so.
  name              = "aws-waf-logs-${var.name}"
  retention_in_days = var.waf.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_wafv2_web_acl_logging_configuration" "this" {
  count = local.waf_logs

  resource_arn            = aws_wafv2_web_acl.this[0].arn
  log_destination_configs = [aws_cloudwatch_log_group.waf[0].arn]

  # API keys do not belong into logs.
  dynamic "redacted_fields" {
    for_each = toset(["authorization", "x-api-key"])

    content {
      single_header {
        name = redacted_fields.key
      }
    }
  }

  # Only what some rule had something to say about; the access logs have a line for each request.
  logging_filter {
    default_behavior = "DROP"

    filter {
      behavior    = "KEEP"
      requirement = "MEETS_ANY"

      condition {
        action_condition {
          action = "BLOCK"
        }
      }

      condition {
        action_condition {
          action = "COUNT"
        }
      }
    }
  }
}
