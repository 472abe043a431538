output "backends" {
  description = "What each environment's backend \"s3\" needs, by environment: bucket, key, region, key of encryption, and locking by the bucket itself."
  value = {
    for name in keys(var.environments) : name => {
      bucket       = local.bucket
      key          = "environments/${name}/terraform.tfstate"
      region       = var.region
      kms_key_id   = aws_kms_key.state.arn
      encrypt      = true
      use_lockfile = true
    }
  }
}

output "role_arns" {
  description = "ARNs of the roles of GitHub Actions, by environment and name, for the variables of the environments on GitHub."
  value       = { for name, github in module.github : name => github.role_arns }
}

output "trusted_jobs" {
  description = "Which job may take which role, for reviews: each with role, workflow, ref, environment and pull_requests."
  value = concat(
    flatten([for name, roles in local.roles : [for role, trusted in roles : {
      role          = "${var.project}-${name}-github-${role}"
      workflow      = trusted.workflow
      ref           = trusted.ref
      environment   = trusted.environment
      pull_requests = trusted.pull_requests
    }]]),
    [for role, trusted in local.build_roles : {
      role          = "${var.project}-github-${role}"
      workflow      = trusted.workflow
      ref           = trusted.ref
      environment   = trusted.environment
      pull_requests = trusted.pull_requests
    }],
  )
}

output "trust_policies" {
  description = "Who may have each role, as JSON by the role's name, for tests and reviews."
  value = merge([
    for names in concat(
      [for name, github in module.github : { for role, policy in github.trust_policies : "${var.project}-${name}-github-${role}" => policy }],
      [for build in module.build : { for role, policy in build.trust_policies : "${var.project}-github-${role}" => policy }],
    ) : names
  ]...)
}

output "boundaries" {
  description = "By environment, the name of the policy that its roles must have as their boundary, for its `permissions_boundary`."
  value       = { for name, github in module.github : name => github.boundary.name if github.boundary != null }
}

output "build_role_arn" {
  description = "ARN of the role that builds images. Null when nobody does."
  value       = var.build == null ? null : module.build[0].role_arns["build"]
}

output "state_bucket" {
  description = "Name of the bucket of states."
  value       = aws_s3_bucket.state.bucket
}
