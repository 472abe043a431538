# One environment. All of them call the same module with the same arguments; what differs is in terraform.tfvars, and what an
# account alone knows is given beside it, see the README.
module "platform" {
  source    = "../../modules/platform"
  providers = { aws = aws, aws.dr = aws.dr }

  name                 = var.name
  environment          = var.environment
  protected            = var.protected
  without              = var.without
  kms_key_arn          = var.kms_key_arn
  network              = var.network
  load_balancer        = merge(var.load_balancer, { domain = var.domain, certificate_arn = var.certificate_arn })
  images               = merge(var.images, { registry = var.registry, pull_account_ids = var.pull_account_ids, digests = var.digests })
  lanes                = var.lanes
  database             = var.database
  secret_rotation      = var.secret_rotation
  permissions_boundary = var.permissions_boundary
  api                  = var.api
  worker               = var.worker
  office_hours         = var.office_hours
  monitoring           = merge(var.monitoring, { subscribers = var.subscribers })
  traces               = var.traces
  copies               = var.copies
  budget               = var.budget
}
