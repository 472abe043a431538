data "aws_region" "current" {}

data "aws_availability_zones" "available" {
  #checkov:skip=CKV_AWS_394:Only the first az_count are taken, and a new zone of a region comes last; availability_zones pins them.
  state = "available"

  # Local and wavelength zones have neither load balancers nor NAT gateways.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  zones    = var.availability_zones != null ? var.availability_zones : slice(data.aws_availability_zones.available.names, 0, var.az_count)
  position = { for index, zone in local.zones : zone => index }

  has_gateways  = startswith(var.egress_mode, "nat_gateway")
  has_instances = startswith(var.egress_mode, "nat_instance")
  is_per_zone   = endswith(var.egress_mode, "_per_az")
  # The zones that have a NAT, and the one that each zone uses.
  nat_zones = var.egress_mode == "public_ip" ? [] : local.is_per_zone ? local.zones : [local.zones[0]]
  nat_of    = { for zone in local.zones : zone => local.is_per_zone ? zone : local.zones[0] if var.egress_mode != "public_ip" }
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_hostnames = true
  enable_dns_support   = true

  tags = { Name = var.name }
}

# Whatever is started without a security group of its own gets this one, and can do nothing.
resource "aws_default_security_group" "empty" {
  vpc_id  = aws_vpc.this.id
  ingress = []
  egress  = []

  tags = { Name = "${var.name}-default-empty" }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = var.name }
}

# The first sixteenth of the range is for small subnets: public ones at its beginning, isolated ones in its second half.
resource "aws_subnet" "public" {
  for_each = local.position

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.cidr, 8, each.value)

  tags = { Name = "${var.name}-public-${each.key}" }
}

resource "aws_subnet" "isolated" {
  for_each = local.position

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.cidr, 8, 8 + each.value)

  tags = { Name = "${var.name}-isolated-${each.key}" }
}

# The other sixteenths are for tasks: each running task has an address of its own.
resource "aws_subnet" "private" {
  for_each = local.position

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.cidr, 4, 1 + each.value)

  tags = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-public" }
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

# One for each zone, also with a single NAT: a NAT per zone is then a change of routes and of nothing else.
resource "aws_route_table" "private" {
  for_each = local.position

  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private[each.key].id
}

# No route leads out of the isolated subnets, and none in from the internet.
resource "aws_route_table" "isolated" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-isolated" }
}

resource "aws_route_table_association" "isolated" {
  for_each = aws_subnet.isolated

  subnet_id      = each.value.id
  route_table_id = aws_route_table.isolated.id
}

locals {
  task_subnets = var.egress_mode == "public_ip" ? aws_subnet.public : aws_subnet.private
}

resource "aws_network_acl" "isolated" {
  #checkov:skip=CKV2_AWS_1:It is attached to the isolated subnets; the scanner does not follow a list that is made by an expression.
  count = var.isolated_network_acl ? 1 : 0

  vpc_id     = aws_vpc.this.id
  subnet_ids = [for zone in local.zones : aws_subnet.isolated[zone].id]

  # Replicas read from their primary on the same port, so the isolated subnets are among those that may.
  dynamic "ingress" {
    for_each = concat(values(local.task_subnets)[*].cidr_block, values(aws_subnet.isolated)[*].cidr_block)

    content {
      rule_no    = 100 + ingress.key
      action     = "allow"
      protocol   = "tcp"
      cidr_block = ingress.value
      from_port  = 5432
      to_port    = 5432
    }
  }

  # A network ACL remembers no connection: these are the answers to a replica, whose own port may be any.
  dynamic "ingress" {
    for_each = values(aws_subnet.isolated)[*].cidr_block

    content {
      rule_no    = 200 + ingress.key
      action     = "allow"
      protocol   = "tcp"
      cidr_block = ingress.value
      from_port  = 1024
      to_port    = 65535
    }
  }

  dynamic "egress" {
    for_each = concat(values(local.task_subnets)[*].cidr_block, values(aws_subnet.isolated)[*].cidr_block)

    content {
      rule_no    = 100 + egress.key
      action     = "allow"
      protocol   = "tcp"
      cidr_block = egress.value
      from_port  = 1024
      to_port    = 65535
    }
  }

  tags = { Name = "${var.name}-isolated" }
}
