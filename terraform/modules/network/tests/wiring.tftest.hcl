# What depends on ids, which are only known once everything is made.

mock_provider "aws" {
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

run "each_zone_goes_out_through_its_own_gateway" {
  variables {
    interface_endpoints = ["sqs"]
  }

  assert {
    condition = alltrue([for zone in output.availability_zones :
      aws_route.nat_gateway[zone].nat_gateway_id == aws_nat_gateway.this[zone].id
      && aws_route.nat_gateway[zone].route_table_id == aws_route_table.private[zone].id
      && aws_route_table_association.private[zone].route_table_id == aws_route_table.private[zone].id
      && aws_nat_gateway.this[zone].subnet_id == aws_subnet.public[zone].id
    ])
    error_message = "From a private subnet the way must lead to the gateway in the same zone."
  }
  assert {
    condition     = alltrue([for association in aws_route_table_association.isolated : association.route_table_id == aws_route_table.isolated.id])
    error_message = "The isolated subnets must have the table without a way out."
  }
  assert {
    condition     = !contains(concat([aws_route.internet.route_table_id], values(aws_route.nat_gateway)[*].route_table_id, tolist(aws_vpc_endpoint.s3.route_table_ids)), aws_route_table.isolated.id)
    error_message = "No way may lead out of the isolated subnets."
  }
  assert {
    condition     = output.task_subnet_ids == output.private_subnet_ids && length(output.egress_ips) == 2
    error_message = "Tasks must stand in the private subnets."
  }
  assert {
    condition     = aws_vpc_endpoint.interface["sqs"].subnet_ids == toset(output.private_subnet_ids) && aws_vpc_endpoint.interface["sqs"].security_group_ids == toset([output.endpoint_sg_id])
    error_message = "Endpoints must stand where the tasks are, in their own security group."
  }
}

run "one_gateway_serves_all_zones" {
  variables {
    egress_mode = "nat_gateway_single"
  }

  assert {
    condition     = alltrue([for route in aws_route.nat_gateway : route.nat_gateway_id == aws_nat_gateway.this["eu-west-1a"].id])
    error_message = "All ways must lead to the one gateway."
  }
}

run "instances_take_the_place_of_gateways" {
  variables {
    egress_mode = "nat_instance_per_az"
  }

  assert {
    condition = alltrue([for zone in output.availability_zones :
      aws_route.nat_instance[zone].network_interface_id == aws_instance.nat[zone].primary_network_interface_id
      && aws_eip_association.nat[zone].instance_id == aws_instance.nat[zone].id
      && aws_instance.nat[zone].subnet_id == aws_subnet.public[zone].id
    ])
    error_message = "Each zone must go out through its own instance."
  }
}

run "without_nat_tasks_stand_in_public_subnets" {
  variables {
    egress_mode         = "public_ip"
    interface_endpoints = ["sqs"]
  }

  assert {
    condition     = output.task_subnet_ids == output.public_subnet_ids
    error_message = "Only a public subnet has a way out."
  }
  assert {
    condition     = aws_vpc_endpoint.interface["sqs"].subnet_ids == toset(output.public_subnet_ids)
    error_message = "Endpoints must follow the tasks."
  }
}
