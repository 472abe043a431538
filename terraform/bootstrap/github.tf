locals {
  regions = compact([var.region, var.dr_region])
  # Who may take which role, by environment. .github/roles.json says the same, which a test compares, and cargo xtask workflows
  # compares that with what the workflows ask for.
  roles = { for name, environment in var.environments : name => merge(
    environment.unreviewed ? {
      # Code of pull requests: it is built and deployed where nobody would miss anything, and never applied.
      build  = { permissions = "build", pull_requests = true, environment = null, ref = null, workflow = null }
      deploy = { permissions = "deploy", pull_requests = true, environment = environment.github_environment, ref = null, workflow = null }
      } : {
      for role, permissions in { deploy = "deploy", apply = "apply", look = "plan" } : role => {
        permissions                     = permissions
        pull_requests                   = false
        # Who looks before the review has no environment yet.
        environment = role == "look" ? null : environment.github_environment
        ref         = environment.ref
        workflow    = var.deploy_workflow
      }
    },
    { for role in ["plan"] : role => { permissions = "plan", pull_requests = true, environment = null, ref = null, workflow = null } if environment.plan_on_pull_requests },
    { for role in ["drift"] : role => { permissions = "plan", pull_requests = false, environment = null, ref = var.drift.ref, workflow = var.drift.workflow } if var.drift != null },
  ) }
  build_roles = merge(
    { for role in ["build"] : role => { permissions = "build", pull_requests = false, environment = null, ref = var.build.ref, workflow = var.build.workflow } if var.build != null },
    { for role in ["promote"] : role => { permissions = "promote", pull_requests = false, environment = null, ref = var.promote.ref, workflow = var.promote.workflow } if var.build != null && var.promote != null },
  )
  # Made by the environments; their names are agreed upon. Those of another account have a policy that lets this one read.
  registry     = var.registry == null ? { account = local.account, region = var.region } : { account = split(".", var.registry)[0], region = split(".", var.registry)[3] }
  image_prefix = var.build == null ? var.project : var.build.prefix
  repository_arns = var.build == null && var.registry == null ? [] : [
    for image in ["api", "worker"] : "arn:${local.partition}:ecr:${local.registry.region}:${local.registry.account}:repository/${local.image_prefix}/${image}"
  ]
  unreviewed_repository_arns = { for name in keys(var.environments) : name => [
    for image in ["api", "worker"] : "arn:${local.partition}:ecr:${var.region}:${local.account}:repository/${var.project}-${name}/${image}"
  ] }
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
  ecr_repository_arns = each.value.unreviewed ? local.unreviewed_repository_arns[each.key] : local.repository_arns
  hosted_zone_ids     = each.value.hosted_zone_ids
  # Services are called by what they are; the cluster has the environment's name. Unreviewed code is exchanged task by task.
  deployment = { services = ["api", "worker"], canary = !each.value.unreviewed }
  # As environments/<name>/providers.tf gives them.
  owned_tags = { Project = var.project, Environment = each.key }

  state = {
    bucket_arn  = aws_s3_bucket.state.arn
    key         = "environments/${each.key}/terraform.tfstate"
    kms_key_arn = aws_kms_key.state.arn
  }

  roles = local.roles[each.key]
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

  roles = local.build_roles
}
