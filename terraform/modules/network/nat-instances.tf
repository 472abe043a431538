# What a NAT gateway does, for a tenth of the price, where minutes without egress can be borne: jobs wait for them.

data "aws_ssm_parameter" "nat_image" {
  count = local.has_instances ? 1 : 0

  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
}

resource "aws_security_group" "nat" {
  count = local.has_instances ? 1 : 0

  name        = "${var.name}-nat"
  description = "NAT instances: from private subnets to the internet."
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-nat" }
}

resource "aws_vpc_security_group_ingress_rule" "nat" {
  for_each = local.has_instances ? {
    for pair in setproduct(local.zones, var.nat_instance.ports) : "${pair[0]}-${pair[1]}" => { zone = pair[0], port = pair[1] }
  } : {}

  security_group_id = aws_security_group.nat[0].id
  description       = "From the private subnet in ${each.value.zone}."
  cidr_ipv4         = aws_subnet.private[each.value.zone].cidr_block
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "nat" {
  for_each = toset(local.has_instances ? [for port in setunion(var.nat_instance.ports, [443]) : tostring(port)] : [])

  security_group_id = aws_security_group.nat[0].id
  description       = "To the internet; 443 is also where the instance itself gets its packages."
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.key
  to_port           = each.key
}

resource "aws_instance" "nat" {
  #checkov:skip=CKV2_AWS_41:It calls nothing of AWS, so it has no role, and whoever broke in would have none either.
  #checkov:skip=CKV_AWS_126:Its metrics every five minutes are enough, and free; those every minute are not.
  for_each = toset(local.has_instances ? local.nat_zones : [])

  ami                    = data.aws_ssm_parameter.nat_image[0].insecure_value
  instance_type          = var.nat_instance.type
  subnet_id              = aws_subnet.public[each.key].id
  vpc_security_group_ids = [aws_security_group.nat[0].id]
  # It forwards what is neither from nor to itself; that is what it is for.
  source_dest_check           = false
  ebs_optimized               = true
  user_data_replace_on_change = true

  # Memory of the smallest types does not suffice for dnf, hence the swap file. The package's service loads the rules again
  # after each start.
  user_data = <<-SCRIPT
    #!/bin/bash
    set -euo pipefail
    fallocate --length 512MiB /swap && chmod 600 /swap && mkswap /swap && swapon /swap
    until dnf install --assumeyes nftables; do sleep 5; done
    echo 'net.ipv4.ip_forward = 1' > /etc/sysctl.d/90-nat.conf
    sysctl --load /etc/sysctl.d/90-nat.conf
    cat > /etc/sysconfig/nftables.conf <<'RULES'
    table ip nat {
      chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr ${var.cidr} ip daddr != ${var.cidr} masquerade
      }
    }
    RULES
    systemctl enable --now nftables
  SCRIPT

  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = 8
    encrypted   = true
  }

  tags = { Name = "${var.name}-nat-${each.key}" }

  # A newer image appears every week or two, and each would cut the egress. It is taken with `terraform apply -replace`.
  lifecycle {
    ignore_changes = [ami]
  }

  depends_on = [aws_route.internet]
}

resource "aws_eip_association" "nat" {
  for_each = aws_instance.nat

  allocation_id = aws_eip.nat[each.key].id
  instance_id   = each.value.id
}

resource "aws_route" "nat_instance" {
  for_each = local.has_instances ? local.nat_of : {}

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  network_interface_id   = aws_instance.nat[each.value].primary_network_interface_id
}
