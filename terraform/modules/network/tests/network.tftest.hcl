mock_provider "aws" {
  override_during = plan

  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-west-1a", "eu-west-1b", "eu-west-1c"] }
  }
  mock_data "aws_ssm_parameter" {
    defaults = { insecure_value = "ami-0123456789abcdef0" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/tandem-test/flow" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/tandem-test-flow-logs" }
  }
}

variables {
  name = "tandem-test"
}

run "subnets_do_not_overlap_and_have_their_places" {
  command = plan

  variables {
    az_count = 3
  }

  assert {
    condition     = values(aws_subnet.public)[*].cidr_block == ["10.20.0.0/24", "10.20.1.0/24", "10.20.2.0/24"]
    error_message = "Public subnets stand at the beginning of the first sixteenth."
  }
  assert {
    condition     = values(aws_subnet.isolated)[*].cidr_block == ["10.20.8.0/24", "10.20.9.0/24", "10.20.10.0/24"]
    error_message = "Isolated subnets stand in the second half of the first sixteenth."
  }
  assert {
    condition     = values(aws_subnet.private)[*].cidr_block == ["10.20.16.0/20", "10.20.32.0/20", "10.20.48.0/20"]
    error_message = "Private subnets have a sixteenth each."
  }
  assert {
    condition     = join(",", output.availability_zones) == "eu-west-1a,eu-west-1b,eu-west-1c"
    error_message = "The zones of the region are taken in their order."
  }
}

run "a_small_range_is_enough" {
  command = plan

  variables {
    cidr = "10.20.0.0/19"
  }

  assert {
    condition     = alltrue([for subnet in aws_subnet.public : endswith(subnet.cidr_block, "/27")])
    error_message = "A load balancer needs subnets of /27 at least."
  }
}

run "nothing_is_open_by_default" {
  command = plan

  assert {
    condition     = length(aws_default_security_group.empty.ingress) == 0 && length(aws_default_security_group.empty.egress) == 0
    error_message = "The default security group must let nothing through."
  }
  assert {
    condition     = alltrue([for subnet in aws_subnet.public : subnet.map_public_ip_on_launch != true])
    error_message = "Nothing gets a public address unless it asks for one."
  }
  assert {
    condition     = toset([for rule in aws_network_acl.isolated[0].ingress : rule.cidr_block if rule.from_port == 5432]) == toset(["10.20.16.0/20", "10.20.32.0/20", "10.20.8.0/24", "10.20.9.0/24"])
    error_message = "Only tasks and replicas may talk to the database's subnets."
  }
  assert {
    condition     = alltrue([for rule in concat(tolist(aws_network_acl.isolated[0].ingress), tolist(aws_network_acl.isolated[0].egress)) : startswith(rule.cidr_block, "10.20.") && rule.protocol == "tcp"])
    error_message = "The isolated subnets must have nothing to do with the internet."
  }
  assert {
    condition     = length(aws_vpc_endpoint.interface) == 0 && output.endpoint_sg_id == null
    error_message = "Interface endpoints cost money and are asked for."
  }
}

run "the_wall_of_the_database_follows_the_tasks" {
  command = plan

  variables {
    egress_mode = "public_ip"
  }

  assert {
    condition     = toset([for rule in aws_network_acl.isolated[0].ingress : rule.cidr_block if rule.from_port == 5432]) == toset(["10.20.0.0/24", "10.20.1.0/24", "10.20.8.0/24", "10.20.9.0/24"])
    error_message = "Tasks in public subnets must reach the database, and private subnets need not."
  }
  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_instance.nat) == 0 && length(aws_eip.nat) == 0 && length(aws_route.nat_gateway) == 0 && length(aws_route.nat_instance) == 0
    error_message = "Without NAT nothing of it may be paid for."
  }
  assert {
    condition     = output.assign_public_ip && length(output.egress_ips) == 0
    error_message = "Tasks must get public addresses."
  }
}

run "a_gateway_for_each_zone" {
  command = plan

  assert {
    condition     = keys(aws_nat_gateway.this) == ["eu-west-1a", "eu-west-1b"] && keys(aws_route.nat_gateway) == keys(aws_nat_gateway.this)
    error_message = "Each zone must have its own gateway, by default."
  }
  assert {
    condition     = !output.assign_public_ip
    error_message = "Tasks need no public addresses."
  }
}

run "one_gateway_for_all_zones" {
  command = plan

  variables {
    egress_mode = "nat_gateway_single"
    az_count    = 3
  }

  assert {
    condition     = keys(aws_nat_gateway.this) == ["eu-west-1a"] && length(aws_route.nat_gateway) == 3
    error_message = "All zones must share one gateway."
  }
}

run "nat_instances" {
  command = plan

  variables {
    egress_mode = "nat_instance_per_az"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_instance.nat) == 2 && length(aws_eip_association.nat) == 2 && length(aws_route.nat_instance) == 2
    error_message = "There must be an instance with an address and a route for each zone."
  }
  assert {
    condition = alltrue([for instance in aws_instance.nat :
      !instance.source_dest_check && instance.metadata_options[0].http_tokens == "required" && instance.root_block_device[0].encrypted
    ])
    error_message = "An instance forwards, guards its metadata and encrypts its disk."
  }
  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.nat : startswith(rule.cidr_ipv4, "10.20.") && rule.from_port == 443 && rule.to_port == 443])
    error_message = "Only tasks may use it, for HTTPS."
  }
}

run "one_nat_instance_that_lets_http_through" {
  command = plan

  variables {
    egress_mode  = "nat_instance"
    nat_instance = { ports = [80] }
  }

  assert {
    condition     = keys(aws_instance.nat) == ["eu-west-1a"] && length(aws_route.nat_instance) == 2
    error_message = "All zones must share one instance."
  }
  assert {
    condition     = keys(aws_vpc_security_group_egress_rule.nat) == ["443", "80"] && keys(aws_vpc_security_group_ingress_rule.nat) == ["eu-west-1a-80", "eu-west-1b-80"]
    error_message = "Ports are what was asked for, and 443 for its own packages."
  }
}

run "endpoints_have_a_group_without_rules" {
  command = plan

  variables {
    interface_endpoints = ["sqs", "ecr.api"]
  }

  assert {
    condition     = toset([for endpoint in aws_vpc_endpoint.interface : endpoint.service_name]) == toset(["com.amazonaws.eu-west-1.sqs", "com.amazonaws.eu-west-1.ecr.api"])
    error_message = "Each service must have an endpoint in this region."
  }
  assert {
    condition     = alltrue([for endpoint in aws_vpc_endpoint.interface : endpoint.private_dns_enabled && length(endpoint.security_group_ids) == 1])
    error_message = "The services' ordinary names must lead to the endpoints."
  }
  assert {
    condition     = aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway" && aws_vpc_endpoint.s3.service_name == "com.amazonaws.eu-west-1.s3"
    error_message = "S3 must be reached through the gateway endpoint, which is free."
  }
}

run "flow_logs_end" {
  command = plan

  assert {
    condition     = aws_cloudwatch_log_group.flow[0].retention_in_days == 30 && aws_flow_log.this[0].traffic_type == "REJECT"
    error_message = "What was refused must be logged, for a month."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.flow[0].policy).Statement[0].Resource == "arn:aws:logs:eu-west-1:111122223333:log-group:/tandem-test/flow:*"
    error_message = "The role must write to this log group and to no other."
  }
}

run "flow_logs_and_the_second_wall_can_be_left_away" {
  command = plan

  variables {
    flow_logs            = null
    isolated_network_acl = false
  }

  assert {
    condition     = length(aws_flow_log.this) == 0 && length(aws_cloudwatch_log_group.flow) == 0 && length(aws_iam_role.flow) == 0 && length(aws_network_acl.isolated) == 0
    error_message = "Nothing of it may be left."
  }
}
