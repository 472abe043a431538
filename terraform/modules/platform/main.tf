# The whole platform of one environment. Each part is a module of its own; what is here is how they hang together.

locals {
  without   = { for part in ["autoscaling", "canary", "waf", "waf_logs", "network_acl", "flow_logs", "backup_copy", "budget"] : part => contains(var.without, part) }
  is_canary = !local.without.canary && !var.api.spot
}

module "network" {
  source = "../network"

  name                 = var.name
  cidr                 = var.network.cidr
  az_count             = var.network.az_count
  availability_zones   = var.network.availability_zones
  egress_mode          = var.network.egress_mode
  nat_instance         = { ports = setunion([443], var.worker.target_ports) }
  interface_endpoints  = var.network.interface_endpoints
  flow_logs            = var.network.flow_logs && !local.without.flow_logs ? {} : null
  isolated_network_acl = !local.without.network_acl

  permissions_boundary_arn = local.permissions_boundary_arn
}

module "load_balancer" {
  source = "../load-balancer"

  name                = var.name
  vpc_id              = module.network.vpc_id
  subnet_ids          = module.network.public_subnet_ids
  domain              = var.load_balancer.domain
  certificate_arn     = var.load_balancer.certificate_arn
  allowed_cidrs       = var.load_balancer.allowed_cidrs
  test_listener       = local.is_canary
  test_cidrs          = var.load_balancer.test_cidrs
  deletion_protection = var.protected
  access_logs         = var.load_balancer.access_log_days == 0 ? null : { retention_days = var.load_balancer.access_log_days, force_destroy = !var.protected }
  waf = !var.load_balancer.waf || local.without.waf ? null : {
    rate_limit         = var.load_balancer.rate_limit
    log_retention_days = local.without.waf_logs ? 0 : var.monitoring.log_retention_days
  }
}

module "cluster" {
  source = "../ecs-cluster"

  name               = var.name
  container_insights = var.monitoring.container_insights
}

module "ecr" {
  count     = var.images.create ? 1 : 0
  source    = "../ecr"
  providers = { aws = aws, aws.dr = aws.dr }

  names              = local.repositories
  scan               = var.images.scan
  pull_account_ids   = var.images.pull_account_ids
  replication_region = var.images.replication_region
  force_delete       = !var.protected
}

data "aws_partition" "current" {}

data "aws_region" "current" {}

data "aws_caller_identity" "current" {}

locals {
  permissions_boundary_arn = (var.permissions_boundary == null ? null
    : "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:policy/${var.permissions_boundary}"
  )

  repositories = toset([for image in ["api", "worker"] : "${var.images.prefix}/${image}"])

  # In another account's registry the ARN follows from its name: <account>.dkr.ecr.<region>.amazonaws.com.
  registry = var.images.registry == null ? null : split(".", var.images.registry)
  images = { for image in ["api", "worker"] : image => {
    repository_url = var.images.create ? module.ecr[0].repository_urls["${var.images.prefix}/${image}"] : "${var.images.registry}/${var.images.prefix}/${image}"
    repository_arn = (var.images.create
      ? module.ecr[0].repository_arns["${var.images.prefix}/${image}"]
      : "arn:${data.aws_partition.current.partition}:ecr:${local.registry[3]}:${local.registry[0]}:repository/${var.images.prefix}/${image}"
    )
    digest = lookup(var.images.digests, image, null)
  } }
}
