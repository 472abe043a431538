output "arns" {
  description = "ARNs of the secrets by key, for TANDEM_DATABASE_SECRET_ARN and for what ECS puts into a container's environment."
  value       = { for key, secret in aws_secretsmanager_secret.this : key => secret.arn }
}

output "names" {
  description = "Names of the secrets by key, for `aws secretsmanager put-secret-value --secret-id`."
  value       = { for key, secret in aws_secretsmanager_secret.this : key => secret.name }
}
