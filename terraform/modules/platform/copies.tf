# What is kept in the second region, for the day on which this one is lost: the database's backups, and the secrets without
# which they are of little use. The pepper above all, since without it no API key is known any more.

data "aws_region" "dr" {
  provider = aws.dr
}

locals {
  copies         = var.copies == null || local.without.backup_copy ? 0 : 1
  replica_region = local.copies == 1 && try(var.copies.secrets, false) ? data.aws_region.dr.name : null
}

module "dr" {
  count     = local.copies
  source    = "../dr"
  providers = { aws = aws, aws.dr = aws.dr }

  name              = var.name
  database_arn      = module.database.arn
  replicate_backups = var.copies.backups
  backup_days       = var.copies.backup_days
  # What nobody can delete would keep an environment that comes and goes from going.
  vault        = { enabled = var.copies.vault, lock_days = var.protected ? 7 : 0 }
  notify       = var.monitoring.alarms
  topic_arn    = module.observability.topic_arns.ticket
  runbook_base = var.monitoring.runbook_base

  permissions_boundary_arn = local.permissions_boundary_arn
}
