# Jobs of GitHub Actions get roles in this account by the token that GitHub signs for each job; there are no long-lived
# keys. Each role says exactly which jobs may have it.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  issuer    = "token.actions.githubusercontent.com"

  provider_arn = var.create_provider ? aws_iam_openid_connect_provider.github[0].arn : var.provider_arn

  # Names can change hands, ids can't.
  subject = var.immutable_sub ? "repo:${var.owner}@${var.owner_id}/${var.repo}@${var.repo_id}" : "repo:${var.owner}/${var.repo}"

  # What a job's token must say, all of it and literally. A claim that is absent equals nothing, so such a token is refused.
  claims = {
    for name, role in var.roles : name => merge(
      {
        aud                 = "sts.amazonaws.com"
        repository_id       = tostring(var.repo_id)
        repository_owner_id = tostring(var.owner_id)
        sub = join(":", compact([
          local.subject,
          role.environment != null ? "environment" : role.pull_requests ? "pull_request" : "ref",
          role.environment != null ? role.environment : role.pull_requests ? "" : role.ref,
        ]))
      },
      # The environment's own rules can be changed on GitHub; branch and workflow are asked for here as well.
      { for claim, value in {
        environment      = role.environment
        ref              = role.ref
        job_workflow_ref = role.workflow == null || role.pull_requests ? null : "${var.owner}/${var.repo}/${role.workflow}@${coalesce(role.workflow_ref, role.ref)}"
      } : claim => value if value != null },
    )
  }
  trust_policies = {
    for name, claims in local.claims : name => jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Sid       = "JobsOfTheRepository"
        Effect    = "Allow"
        Principal = { Federated = local.provider_arn }
        Action    = "sts:AssumeRoleWithWebIdentity"
        Condition = { StringEquals = { for claim, value in claims : "${local.issuer}:${claim}" => value } }
      }]
    })
  }
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.create_provider ? 1 : 0

  # AWS checks GitHub's certificate by its own list of authorities; no thumbprint is needed.
  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

locals {
  # For how long a job may have a role at most, in seconds. A release, its turning back and its verification together may
  # take three and a half hours (crates/deploy/src/args.rs), and a credential that ends in between leaves it half-way; a
  # database that is made, or changed to another class, takes more than one.
  sessions = { deploy = 4 * 3600, apply = 2 * 3600 }
}

resource "aws_iam_role" "this" {
  for_each = var.roles

  name                 = "${var.name}-github-${each.key}"
  description          = "Lets GitHub Actions ${each.value.permissions} ${var.name}"
  assume_role_policy   = local.trust_policies[each.key]
  max_session_duration = lookup(local.sessions, each.value.permissions, 3600)
}

resource "aws_iam_policy" "this" {
  for_each = local.wanted_policies

  name        = "${var.name}-github-${each.key}"
  description = "What GitHub Actions may do to ${var.name}: ${each.key}"
  policy      = jsonencode({ Version = "2012-10-17", Statement = each.value })
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = local.attachments

  role       = aws_iam_role.this[each.value.role].name
  policy_arn = aws_iam_policy.this[each.value.policy].arn
}
