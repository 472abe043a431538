output "vpc_id" {
  description = "The network."
  value       = aws_vpc.this.id
}

output "cidr" {
  description = "Its addresses, for the worker's guard against targets inside of it."
  value       = aws_vpc.this.cidr_block
}

output "availability_zones" {
  description = "The zones in use, in the order of all lists of subnets here."
  value       = local.zones
}

output "public_subnet_ids" {
  description = "Subnets with a route to the internet: for load balancers."
  value       = [for zone in local.zones : aws_subnet.public[zone].id]
}

output "private_subnet_ids" {
  description = "Subnets that reach the internet through NAT, and can't be reached from it."
  value       = [for zone in local.zones : aws_subnet.private[zone].id]
}

output "isolated_subnet_ids" {
  description = "Subnets without any route out: for databases."
  value       = [for zone in local.zones : aws_subnet.isolated[zone].id]
}

output "task_subnet_ids" {
  description = "Where tasks belong: the private subnets, or the public ones with egress_mode public_ip."
  value       = [for zone in local.zones : local.task_subnets[zone].id]
}

output "assign_public_ip" {
  description = "Whether tasks need addresses of their own to reach the internet."
  value       = var.egress_mode == "public_ip"
}

output "endpoint_sg_id" {
  description = "The security group of the interface endpoints, which has no rules: whoever may use them adds one. Null when there are no such endpoints."
  value       = one(aws_security_group.endpoints[*].id)
}

output "egress_ips" {
  description = "The addresses that receivers of pushes see, for their lists of who may come in; empty with egress_mode public_ip, where each task has another one."
  value       = [for zone in local.nat_zones : aws_eip.nat[zone].public_ip]
}

output "s3_prefix_list_id" {
  description = "The addresses of S3 that the gateway endpoint leads to, for those who may go there and nowhere else."
  value       = aws_vpc_endpoint.s3.prefix_list_id
}
