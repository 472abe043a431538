# Every run makes all of it against the mock, since most of what matters here is how things hang together.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
  mock_resource "aws_lb" {
    defaults = {
      arn        = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/tandem-test/0123456789abcdef"
      arn_suffix = "app/tandem-test/0123456789abcdef"
    }
  }
  mock_resource "aws_lb_listener" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/tandem-test/0123456789abcdef/0123456789abcdef" }
  }
  mock_resource "aws_acm_certificate" {
    defaults = {
      arn = "arn:aws:acm:eu-west-1:111122223333:certificate/00000000-0000-0000-0000-000000000000"
      domain_validation_options = [{
        domain_name           = "jobs.example.com"
        resource_record_name  = "_0.jobs.example.com"
        resource_record_type  = "CNAME"
        resource_record_value = "_0.acm-validations.aws"
      }]
    }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::tandem-test-access-logs-111122223333" }
  }
  mock_resource "aws_wafv2_web_acl" {
    defaults = { arn = "arn:aws:wafv2:eu-west-1:111122223333:regional/webacl/tandem-test/00000000-0000-0000-0000-000000000000" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:aws-waf-logs-tandem-test" }
  }
}

variables {
  name       = "tandem-test"
  vpc_id     = "vpc-0123456789abcdef0"
  subnet_ids = ["subnet-0a", "subnet-0b"]
  domain     = { name = "jobs.example.com", zone_id = "Z0123456789ABCDEFGHIJ" }
  # The type of a firewall has a hundred thousand fields, and making up values for them takes seconds. So it is made only
  # where it is looked at.
  waf = null
}

run "only_https_is_served_and_what_is_hidden_stays_so" {
  assert {
    condition     = alltrue([for listener in aws_lb_listener.this : listener.protocol == "HTTPS" && listener.ssl_policy == "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"])
    error_message = "Everything must be encrypted, with TLS 1.2 or newer."
  }
  assert {
    condition     = keys(aws_lb_listener.this) == ["https"] && keys(aws_vpc_security_group_ingress_rule.https) == ["0.0.0.0/0"] && length(aws_vpc_security_group_ingress_rule.test) == 0
    error_message = "Without being asked, it listens on 443 only."
  }
  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.https : rule.from_port == 443 && rule.to_port == 443 && rule.ip_protocol == "tcp"])
    error_message = "The security group must open 443 and nothing else."
  }
  assert {
    condition     = aws_lb_listener.this["https"].default_action[0].type == "fixed-response" && aws_lb_listener.this["https"].default_action[0].fixed_response[0].status_code == "404"
    error_message = "What no service claims must be answered with 404."
  }
  assert {
    condition     = aws_lb_listener_rule.hidden["https"].priority == 1 && aws_lb_listener_rule.hidden["https"].action[0].fixed_response[0].status_code == "404" && contains(flatten([for condition in aws_lb_listener_rule.hidden["https"].condition : [for pattern in condition.path_pattern : pattern.values]]), "/metrics")
    error_message = "Metrics must not be reached from outside, before any other rule is looked at."
  }
  assert {
    condition     = aws_lb_listener.this["https"].routing_http_response_strict_transport_security_header_value == "max-age=31536000" && !aws_lb_listener.this["https"].routing_http_response_server_enabled
    error_message = "Browsers must stay with HTTPS, and nobody learns what we run."
  }
}

run "requests_with_two_meanings_are_refused_and_it_stays" {
  assert {
    condition     = aws_lb.this.drop_invalid_header_fields && aws_lb.this.desync_mitigation_mode == "strictest"
    error_message = "Nobody must be able to smuggle a request."
  }
  assert {
    condition     = aws_lb.this.enable_deletion_protection && !aws_lb.this.internal && aws_lb.this.idle_timeout == 60
    error_message = "It must not be deleted by accident, and be reached from the internet."
  }
}

run "the_certificate_is_proved_and_the_name_leads_here" {
  assert {
    condition     = aws_lb_listener.this["https"].certificate_arn == aws_acm_certificate.this[0].arn && aws_acm_certificate.this[0].validation_method == "DNS"
    error_message = "The listener must have the certificate that was made for the name."
  }
  assert {
    condition     = aws_route53_record.proof[0].name == "_0.jobs.example.com" && aws_route53_record.proof[0].type == "CNAME" && tolist(aws_route53_record.proof[0].records)[0] == "_0.acm-validations.aws"
    error_message = "What ACM wants to see must be in the zone."
  }
  assert {
    condition     = aws_route53_record.this[0].name == "jobs.example.com" && aws_route53_record.this[0].alias[0].name == aws_lb.this.dns_name
    error_message = "The name must lead to the load balancer."
  }
  assert {
    condition     = output.url == "https://jobs.example.com"
    error_message = "Clients must be told where it is."
  }
}

run "somebody_elses_certificate_needs_no_zone" {
  variables {
    domain          = null
    certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/11111111-1111-1111-1111-111111111111"
  }

  assert {
    condition     = aws_lb_listener.this["https"].certificate_arn == var.certificate_arn && length(aws_acm_certificate.this) == 0 && length(aws_route53_record.this) == 0 && output.url == null
    error_message = "Nothing must be made in DNS that is not ours."
  }
}

run "a_deployment_can_be_tried_by_those_who_may" {
  variables {
    test_listener = true
    test_cidrs    = ["203.0.113.0/24"]
  }

  assert {
    condition     = aws_lb_listener.this["test"].port == 8443 && aws_lb_listener.this["test"].ssl_policy == aws_lb_listener.this["https"].ssl_policy && output.test_listener_arn != null
    error_message = "The second listener must be as safe as the first."
  }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.test["203.0.113.0/24"].from_port == 8443 && length(aws_vpc_security_group_ingress_rule.test) == 1
    error_message = "Only those who were named may connect to it."
  }
  assert {
    condition     = keys(aws_lb_listener_rule.hidden) == ["https", "test"]
    error_message = "What is hidden must be hidden on both."
  }
}

run "access_logs_are_private_and_end" {
  assert {
    condition     = aws_lb.this.access_logs[0].enabled && aws_lb.this.access_logs[0].bucket == aws_s3_bucket.access_logs[0].id
    error_message = "Each request must be logged."
  }
  assert {
    condition     = alltrue([for block in aws_s3_bucket_public_access_block.access_logs : block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets])
    error_message = "Nobody from outside may read them."
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.access_logs[0].rule[0].expiration[0].days == 90
    error_message = "They must be deleted at some time."
  }
  assert {
    condition     = one([for rule in aws_s3_bucket_server_side_encryption_configuration.access_logs[0].rule : rule.apply_server_side_encryption_by_default[0].sse_algorithm]) == "AES256"
    error_message = "They must be encrypted."
  }
  assert {
    condition = (
      jsondecode(aws_s3_bucket_policy.access_logs[0].policy).Statement[0].Resource == "arn:aws:s3:::tandem-test-access-logs-111122223333/AWSLogs/111122223333/*"
      && jsondecode(aws_s3_bucket_policy.access_logs[0].policy).Statement[0].Condition.ArnLike["aws:SourceArn"] == "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/*"
    )
    error_message = "Only load balancers of this account and region may write, below their own prefix."
  }
  assert {
    condition     = jsondecode(aws_s3_bucket_policy.access_logs[0].policy).Statement[1].Effect == "Deny" && jsondecode(aws_s3_bucket_policy.access_logs[0].policy).Statement[1].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = "Nothing may be read or written in the clear."
  }
}

run "the_firewall_limits_counts_bodies_and_forgets_keys" {
  variables {
    waf = {}
  }

  assert {
    condition     = aws_wafv2_web_acl_association.this[0].resource_arn == aws_lb.this.arn && aws_wafv2_web_acl_association.this[0].web_acl_arn == aws_wafv2_web_acl.this[0].arn
    error_message = "It must stand in front of this load balancer."
  }
  assert {
    condition = [for rule in aws_wafv2_web_acl.this[0].rule : rule.name if rule.priority == 0] == ["rate"] && one(flatten([
      for rule in aws_wafv2_web_acl.this[0].rule : [for statement in rule.statement : statement.rate_based_statement[*].limit] if rule.name == "rate"
    ])) == 60000
    error_message = "The limit of an address must come first."
  }
  assert {
    condition = toset([for rule in aws_wafv2_web_acl.this[0].rule : rule.name if rule.name != "rate"]) == toset([
      "AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet",
    ])
    error_message = "The managed groups must be there."
  }
  assert {
    condition = contains(flatten([
      for rule in aws_wafv2_web_acl.this[0].rule : rule.statement[0].managed_rule_group_statement[0].rule_action_override[*].name if rule.name == "AWSManagedRulesCommonRuleSet"
    ]), "SizeRestrictions_BODY")
    error_message = "A payload of 256 KiB must not be refused for its size."
  }
  assert {
    condition     = toset(flatten([for field in aws_wafv2_web_acl_logging_configuration.this[0].redacted_fields : field.single_header[*].name])) == toset(["authorization", "x-api-key"])
    error_message = "API keys must not be logged."
  }
  assert {
    condition     = aws_cloudwatch_log_group.waf[0].retention_in_days == 30 && startswith(aws_cloudwatch_log_group.waf[0].name, "aws-waf-logs-")
    error_message = "The log must have AWS's prefix, and end."
  }
}

run "a_cheap_one_has_neither_firewall_nor_logs" {
  variables {
    access_logs         = null
    deletion_protection = false
  }

  assert {
    condition     = length(aws_wafv2_web_acl.this) == 0 && length(aws_wafv2_web_acl_association.this) == 0 && length(aws_cloudwatch_log_group.waf) == 0 && output.web_acl_arn == null
    error_message = "Nothing of a firewall may be paid for."
  }
  assert {
    condition     = length(aws_s3_bucket.access_logs) == 0 && length(aws_lb.this.access_logs) == 0 && !aws_lb.this.enable_deletion_protection && output.access_log_bucket == null
    error_message = "Nothing may be left that keeps it from being destroyed."
  }
}
