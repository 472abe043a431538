# What is kept: the database, the lanes' queues, and secrets.

locals {
  # The programs, and whoever changes their passwords.
  database_clients = merge(
    { api = module.api.sg_id, worker = module.worker.sg_id, migrate = module.migrate.sg_id },
    { for rotation in var.secret_rotation[*] : "rotation" => rotation.sg_id },
  )
  database_alarms = {
    enabled     = var.monitoring.alarms
    topic_arns  = [module.observability.topic_arns.page]
    connections = floor(0.8 * local.max_connections)
  }
}

module "database" {
  source = "../database"

  identifier                  = var.name
  vpc_id                      = module.network.vpc_id
  subnet_ids                  = module.network.isolated_subnet_ids
  allowed_sg_ids              = local.database_clients
  engine_version              = var.database.engine_version
  instance_class              = var.database.instance_class
  multi_az                    = var.database.multi_az
  storage                     = { gb = var.database.storage_gb, max_gb = var.database.max_storage_gb }
  backup_days                 = var.database.backup_days
  insights_mode               = var.database.insights_mode
  enhanced_monitoring_seconds = var.database.enhanced_monitoring_seconds
  replicas                    = var.database.replicas
  restore                     = var.database.restore
  deletion_protection         = var.protected
  final_snapshot              = var.protected
  apply_immediately           = !var.protected
  kms_key_arn                 = var.kms_key_arn
  log_retention_days          = var.monitoring.log_retention_days
  alarms                      = local.database_alarms
  permissions_boundary_arn    = local.permissions_boundary_arn
  runbook_base                = var.monitoring.runbook_base
}

module "queue" {
  for_each = var.lanes
  source   = "../queue"

  name         = "${var.name}-${each.key}"
  kms_key_arn  = var.kms_key_arn
  producers    = [module.worker.task_role_arn]
  consumers    = [module.worker.task_role_arn]
  observers    = [module.api.task_role_arn]
  alarms       = { enabled = var.monitoring.alarms, topic_arns = [module.observability.topic_arns.ticket] }
  runbook_base = var.monitoring.runbook_base
}

locals {
  # Those who log in to the database, each with a user of its own that is a member of the role of the same name.
  database_users = {
    "database/api"    = { reader = module.api.task_role_arn, role = "tandem_api" }
    "database/worker" = { reader = module.worker.task_role_arn, role = "tandem_worker" }
  }

  # The task that sets the environment up reads what is there and puts first values where there is none.
  founder = module.migrate.task_role_arn

  secrets = merge(
    {
      pepper = {
        description = "At least 32 random characters that key the hashes of API keys; put here by the first migration. Another value ends all keys."
        readers     = [module.api.execution_role_arn, local.founder]
        writers     = [local.founder]

        replica_region = local.replica_region
      }
      operator-key = {
        description = "The first API key, of the tenant that operates the others; put here by tandem found-operator, for people to fetch."
        readers     = [local.founder]
        writers     = [local.founder]
      }
      # The role of workflows that deploy reads it by a policy of its own (modules/github-oidc): it may not be there yet, and a
      # policy that names nobody is refused.
      verify-key = {
        description = "The API key that releases are verified with, which may submit and read jobs of the tenant tandem-verify; put here by migrations."
        readers     = [local.founder]
        writers     = [local.founder]
      }
    },
    { for key, user in local.database_users : key => {
      description         = "JSON with username and password of a database user that is a member of ${user.role}; put here by the first migration, which makes the user."
      readers             = [user.reader, local.founder]
      writers             = [local.founder]
      rotation_days       = try(var.secret_rotation.days, null)
      rotation_lambda_arn = try(var.secret_rotation.lambda_arn, null)
      replica_region      = local.replica_region
    } },
  )
}

module "secrets" {
  source = "../secrets"

  name          = var.name
  kms_key_arn   = var.kms_key_arn
  recovery_days = var.protected ? 30 : 0
  secrets       = local.secrets
}
