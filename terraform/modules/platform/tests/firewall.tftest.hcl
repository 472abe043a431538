mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

mock_provider "aws" {
  alias  = "dr"
  source = "./tests/mocks"
}

run "the_firewall_stands_unless_it_is_left_away" {
  command = plan

  variables {
    name          = "tandem-test"
    environment   = "test"
    load_balancer = { domain = { name = "jobs.example.com", zone_id = "Z0123456789ABCDEFGHIJ" }, access_log_days = 0 }
    lanes         = ["default"]
    monitoring    = { dashboards = [], burn_rate_alarms = [] }
  }

  assert {
    condition     = module.load_balancer.web_acl_arn != null && module.load_balancer.test_listener_arn != null
    error_message = "There must be a firewall, and a listener at which deployments are tried."
  }
}
