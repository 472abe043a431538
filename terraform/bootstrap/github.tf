locals {
  regions = compact([var.region, var.dr_region])
  # Made by the environments; their names are agreed upon.
  repository_arns = var.build == null ? [] : [
    for image in ["api", "worker"] : "arn:${local.partition}:ecr:${var.region}:${local.account}:repository/${var.build.prefix}/${image}"
  ]
}

# AWS checks GitHub's certificate by its own list of authorities; no thumbprint is needed.
resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

module "github" {
  source   = "../modules/github-oidc"
  for_each = var.environments

  name                = "${var.project}-${each.key}"
  owner               = var.repository.owner
  owner_id            = var.repository.owner_id
  repo                = var.repository.name
  repo_id             = var.repository.id
  immutable_sub       = var.repository.immutable_sub
  create_provider     = false
  provider_arn        = aws_iam_openid_connect_provider.github.arn
  regions             = local.regions
  ecr_repository_arns = local.repository_arns
  hosted_zone_ids     = each.value.hosted_zone_ids
  # Services are called by what they are; the cluster has the environment's name.
  deployment = { services = ["api", "worker"] }

  state = {
    bucket_arn  = aws_s3_bucket.state.arn
    key         = "environments/${each.key}/terraform.tfstate"
    kms_key_arn = aws_kms_key.state.arn
  }

  roles = merge(
    {
      for permissions in ["deploy", "apply"] : permissions => {
        permissions = permissions
        environment = each.value.github_environment
        ref         = each.value.ref
        workflow    = var.deploy_workflow
      }
    },
    { for permissions in ["plan"] : permissions => { permissions = permissions, pull_requests = true } if each.value.plan_on_pull_requests },
  )
}

# Images are built once and go through all environments, so who builds belongs to none of them.
module "build" {
  source = "../modules/github-oidc"
  count  = var.build == null ? 0 : 1

  name                = var.project
  owner               = var.repository.owner
  owner_id            = var.repository.owner_id
  repo                = var.repository.name
  repo_id             = var.repository.id
  immutable_sub       = var.repository.immutable_sub
  create_provider     = false
  provider_arn        = aws_iam_openid_connect_provider.github.arn
  regions             = local.regions
  ecr_repository_arns = local.repository_arns

  roles = {
    build = { permissions = "build", ref = var.build.ref, workflow = var.build.workflow }
  }
}
