output "arn" {
  description = "The cluster."
  value       = aws_ecs_cluster.this.arn
}

# It waits for the capacity providers: a service that asks for one before it is there is refused.
output "name" {
  description = "The cluster's name, once tasks can run in it."
  value       = aws_ecs_cluster_capacity_providers.this.cluster_name
}
