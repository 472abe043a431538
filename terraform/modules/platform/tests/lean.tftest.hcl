# The cheapest of all: what an environment that comes and goes has, and an emulator can make.

mock_provider "aws" {
  source = "./tests/mocks"
}

mock_provider "aws" {
  alias  = "dr"
  source = "./tests/mocks"
}

variables {
  name          = "tandem-test"
  environment   = "test"
  protected     = false
  without       = ["autoscaling", "canary", "waf", "waf_logs", "network_acl", "flow_logs", "backup_copy", "budget"]
  network       = { egress_mode = "public_ip" }
  load_balancer = { certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/11111111-1111-1111-1111-111111111111", access_log_days = 0 }
  database      = { instance_class = "db.t4g.micro", multi_az = false }
  lanes         = ["default"]
  api           = { tasks = 1, max_tasks = 1, spot = true }
  worker        = { tasks = 1, max_tasks = 1, on_demand_base = 0 }
  budget        = { limit_usd = 100 }
  monitoring    = { application_metrics = true, alarms = false, dashboards = [] }
}

run "what_is_left_away_is_not_paid_for" {
  assert {
    condition     = module.network.assign_public_ip && length(output.egress_ips) == 0
    error_message = "There must be no NAT."
  }
  assert {
    condition     = module.load_balancer.web_acl_arn == null && module.load_balancer.access_log_bucket == null && module.load_balancer.test_listener_arn == null
    error_message = "There must be no firewall, no logs of requests, and no second listener."
  }
  assert {
    condition     = output.deploy.services.api.codedeploy == null && !output.deploy.is_scaled && output.url == null
    error_message = "Deployments must be rolling, and the name somebody else's."
  }
  assert {
    condition     = length(module.api.alarm_names) == 0 && length(module.queue["default"].alarm_names) == 0 && length(output.alarm_names) == 0 && length(output.dashboard_names) == 0
    error_message = "There must be no alarms and no dashboards."
  }
  assert {
    condition     = output.copies == null && length(module.dr) == 0 && length(module.budget) == 0 && local.replica_region == null
    error_message = "There must be neither copies nor a budget."
  }
  assert {
    condition     = local.database_alarms.connections == 64
    error_message = "Of the 80 connections that a micro allows, 64 are too many."
  }
  assert {
    condition     = keys(output.queue_urls) == ["default"]
    error_message = "One lane is enough."
  }
}

run "endpoints_are_opened_to_tasks" {
  command = plan

  variables {
    network = { egress_mode = "nat_instance", interface_endpoints = ["sqs"] }
  }

  assert {
    condition     = keys(local.reaches) == ["database", "endpoints"] && local.reaches.endpoints.open
    error_message = "Tasks must reach the endpoints, which nobody else opens to them."
  }
}

run "who_has_all_endpoints_has_no_way_to_the_internet" {
  command = plan

  variables {
    network = { egress_mode = "nat_instance", interface_endpoints = ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "sqs"] }
  }

  assert {
    condition     = length(local.internet_ports.api) == 0 && length(local.internet_ports.migrate) == 0
    error_message = "What the api and the migration call is behind the endpoints, so they need no way to the internet."
  }
  assert {
    condition     = contains(keys(local.gateways.api), "s3") && contains(keys(local.gateways.migrate), "s3")
    error_message = "Images must still come from S3."
  }
}

run "one_endpoint_less_is_reached_over_the_internet" {
  command = plan

  variables {
    network = { egress_mode = "nat_instance", interface_endpoints = ["ecr.api", "ecr.dkr", "logs", "secretsmanager"] }
  }

  assert {
    condition     = local.internet_ports.api == tolist([443]) && length(local.internet_ports.migrate) == 0
    error_message = "The api calls SQS, and the migration does not."
  }
}

run "traces_go_to_somebody_else" {
  command = plan

  variables {
    network = { egress_mode = "nat_instance", interface_endpoints = ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "sqs"] }
    traces  = { otlp_endpoint = "https://otlp.example.com" }
  }

  assert {
    condition     = local.internet_ports.api == tolist([443]) && length(local.internet_ports.migrate) == 0
    error_message = "The api sends traces over the internet."
  }
}

run "a_function_that_rotates_reaches_the_database" {
  command = plan

  variables {
    secret_rotation = { lambda_arn = "arn:aws:lambda:eu-west-1:111122223333:function:rotate", sg_id = "sg-0123456789abcdef0" }
  }

  assert {
    condition     = local.database_clients["rotation"] == "sg-0123456789abcdef0"
    error_message = "The database must let in the function's security group."
  }
}

run "roles_have_the_boundary_that_they_are_given" {
  command = plan

  variables {
    permissions_boundary = "tandem-test-github-boundary"
  }

  assert {
    condition     = endswith(local.permissions_boundary_arn, ":policy/tandem-test-github-boundary") && startswith(local.permissions_boundary_arn, "arn:")
    error_message = "The boundary is a policy of the account."
  }
}
