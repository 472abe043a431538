output "role_arns" {
  description = "ARNs of the roles by name, for the variables of the environments on GitHub."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}

output "provider_arn" {
  description = "ARN of GitHub's identity provider in this account, for further environments in it."
  value       = local.provider_arn
}

output "trust_policies" {
  description = "Who may have each role, as JSON by name, for tests and reviews."
  value       = local.trust_policies
}

output "policies" {
  description = "What each kind of role may do, as JSON by policy, for tests and reviews."
  value       = { for name, policy in aws_iam_policy.this : name => policy.policy }
}

output "boundary" {
  description = "The most that a role which is made by whoever applies may do: `name` of the policy and `policy` as JSON. Null where nobody from GitHub applies."
  value       = local.is_bounded ? { name = local.boundary_name, policy = aws_iam_policy.boundary[0].policy } : null
}
