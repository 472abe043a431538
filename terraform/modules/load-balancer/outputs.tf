output "arn" {
  description = "The load balancer."
  value       = aws_lb.this.arn
}

output "arn_suffix" {
  description = "How metrics call it: the dimension LoadBalancer."
  value       = aws_lb.this.arn_suffix
}

output "dns_name" {
  description = "Its own name, which others may lead to."
  value       = aws_lb.this.dns_name
}

output "zone_id" {
  description = "The zone of its own name, for alias records."
  value       = aws_lb.this.zone_id
}

output "url" {
  description = "Where clients find the api; null when the certificate, and so the name, is somebody else's."
  value       = var.domain == null ? null : "https://${var.domain.name}"
}

output "certificate_arn" {
  description = "The certificate that clients see, once it is valid."
  value       = local.certificate_arn
}

output "https_listener_arn" {
  description = "The listener on 443, for rules with priorities from 100."
  value       = aws_lb_listener.this["https"].arn
}

output "test_listener_arn" {
  description = "The listener on 8443, which leads to the new tasks while a deployment runs; null without test_listener."
  value       = var.test_listener ? aws_lb_listener.this["test"].arn : null
}

output "sg_id" {
  description = "Its security group. Services behind it let it in, and let it out to them."
  value       = aws_security_group.this.id
}

output "web_acl_arn" {
  description = "The firewall; null without one."
  value       = one(aws_wafv2_web_acl.this[*].arn)
}

output "access_log_bucket" {
  description = "The bucket with a line for each request; null without access logs."
  value       = one(aws_s3_bucket.access_logs[*].id)
}
