resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5:Tasks have it: those of the service, or those that the deploy program starts.
  name        = local.full_name
  description = "Tasks of ${local.full_name}."
  vpc_id      = var.network.vpc_id

  tags = { Name = local.full_name }
}

resource "aws_vpc_security_group_egress_rule" "internet" {
  for_each = toset([for port in var.egress.internet_ports : tostring(port)])

  security_group_id = aws_security_group.this.id
  description       = "To AWS and to the targets of jobs."
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.key
  to_port           = each.key
}

resource "aws_vpc_security_group_egress_rule" "prefix_list" {
  for_each = var.egress.prefix_list_ids

  security_group_id = aws_security_group.this.id
  description       = "To ${each.key}."
  prefix_list_id    = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "group" {
  for_each = var.egress.security_groups

  security_group_id            = aws_security_group.this.id
  description                  = "To ${each.key}."
  referenced_security_group_id = each.value.sg_id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "group" {
  for_each = { for name, to in var.egress.security_groups : name => to if to.open }

  security_group_id            = each.value.sg_id
  description                  = "From ${local.full_name}."
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "load_balancer" {
  count = local.balanced

  security_group_id            = aws_security_group.this.id
  description                  = "From the load balancer."
  referenced_security_group_id = var.load_balancer.sg_id
  ip_protocol                  = "tcp"
  from_port                    = var.port
  to_port                      = var.port
}

resource "aws_vpc_security_group_egress_rule" "load_balancer" {
  count = local.balanced

  security_group_id            = var.load_balancer.sg_id
  description                  = "To ${local.full_name}."
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = var.port
  to_port                      = var.port
}
