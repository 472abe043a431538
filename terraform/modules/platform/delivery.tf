# What workflows on GitHub may do here: build, plan, apply, deploy, each with a role of its own.

data "aws_region" "current" {}

data "aws_region" "dr" {
  provider = aws.dr
}

module "github" {
  count  = var.github == null ? 0 : 1
  source = "../github-oidc"

  name                = var.name
  owner               = var.github.owner
  owner_id            = var.github.owner_id
  repo                = var.github.repo
  repo_id             = var.github.repo_id
  immutable_sub       = var.github.immutable_sub
  provider_arn        = var.github.provider_arn
  roles               = var.github.roles
  state               = var.github.state
  regions             = distinct([data.aws_region.current.name, data.aws_region.dr.name])
  ecr_repository_arns = [for image in values(local.images) : image.repository_arn]
  hosted_zone_ids     = var.load_balancer.domain == null ? [] : [var.load_balancer.domain.zone_id]
  deployment          = { services = ["api", "worker"] }
}
