output "repository_urls" {
  description = "Where to push and pull, by the repository's name."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.repository_url }
}

output "repository_arns" {
  description = "The ARN of each repository by its name, for policies of those who push or pull."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.arn }
}
