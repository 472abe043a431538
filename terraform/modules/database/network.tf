# Who holds one of these security groups may connect, and nothing else can. The database itself opens no connection, so
# it has no rule for what leaves.
resource "aws_security_group" "this" {
  name        = "${var.identifier}-database"
  description = "PostgreSQL of ${var.identifier}"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.identifier}-database" }
}

resource "aws_vpc_security_group_ingress_rule" "client" {
  for_each = var.allowed_sg_ids

  security_group_id            = aws_security_group.this.id
  referenced_security_group_id = each.value
  description                  = "PostgreSQL from ${each.key}"
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}
