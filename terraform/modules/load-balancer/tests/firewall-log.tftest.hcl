mock_provider "aws" {
  override_during = plan

  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
}

run "a_firewall_needs_no_log" {
  command = plan

  variables {
    name        = "tandem-test"
    vpc_id      = "vpc-0123456789abcdef0"
    subnet_ids  = ["subnet-0a", "subnet-0b"]
    domain      = { name = "jobs.example.com", zone_id = "Z0123456789ABCDEFGHIJ" }
    access_logs = null
    waf         = { log_retention_days = 0 }
  }

  assert {
    condition     = length(aws_wafv2_web_acl.this) == 1 && length(aws_cloudwatch_log_group.waf) == 0 && length(aws_wafv2_web_acl_logging_configuration.this) == 0
    error_message = "The log must be a choice of its own."
  }
}
