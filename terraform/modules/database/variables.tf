variable "identifier" {
  description = "Name of the instance and prefix of what belongs to it, such as tandem-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])*$", var.identifier)) && length(var.identifier) <= 40
    error_message = "The identifier must have at most 40 characters of a-z, 0-9 and single hyphens, start with a letter and not end with a hyphen."
  }
}

variable "vpc_id" {
  description = "The network of the instance."
  type        = string

  validation {
    condition     = can(regex("^vpc-[0-9a-z]+$", var.vpc_id))
    error_message = "The network must be the id of a VPC, such as vpc-0a1b2c3d."
  }
}

variable "subnet_ids" {
  description = "Subnets without a route to the internet, in at least two zones."
  type        = list(string)

  validation {
    condition     = length(distinct(var.subnet_ids)) >= 2 && length(distinct(var.subnet_ids)) == length(var.subnet_ids)
    error_message = "There must be at least two subnets, all different, because RDS wants two zones even for one instance."
  }
}

variable "allowed_sg_ids" {
  description = "Security groups that may connect, by who has them, such as { api = \"sg-…\", worker = \"sg-…\" }. The names must be known before anything is made; the ids need not."
  type        = map(string)

  validation {
    condition     = alltrue([for name in keys(var.allowed_sg_ids) : can(regex("^[a-z][a-z0-9-]*$", name))])
    error_message = "Each security group must have the name of its owner as key, of a-z, 0-9 and hyphens."
  }

  validation {
    condition     = alltrue([for id in values(var.allowed_sg_ids) : can(regex("^sg-[0-9a-z]+$", id))])
    error_message = "Each value of the allowed security groups must be an id, such as sg-0a1b2c3d; addresses are not accepted."
  }
}

variable "engine_version" {
  description = "Version of PostgreSQL. A major version alone follows the minor versions that AWS prefers."
  type        = string
  default     = "17"

  validation {
    condition     = can(regex("^1[5-9](\\.[0-9]{1,2})?$", var.engine_version))
    error_message = "The engine version must be PostgreSQL 15 or newer, as 17 or 17.5."
  }
}

variable "allow_major_version_upgrade" {
  description = "Whether a change of the major version is carried out. It stops the database for minutes and can't be taken back."
  type        = bool
  default     = false
}

variable "instance_class" {
  description = "Size of the instance."
  type        = string
  default     = "db.t4g.small"

  validation {
    condition     = can(regex("^db\\.[a-z][0-9][a-z]*\\.(micro|small|medium|large|[0-9]*xlarge)$", var.instance_class))
    error_message = "The instance class must be one of RDS, such as db.t4g.small or db.m7g.large."
  }
}

variable "storage" {
  description = <<-EOT
    Size of the gp3 volume in GiB, and up to where it grows by itself when it is nearly full (`max_gb`, 0 for never).
    From 400 GiB on, `iops` and `throughput` (MiB/s) can be bought beyond what comes with the volume.
  EOT
  type = object({
    gb         = optional(number, 20)
    max_gb     = optional(number, 100)
    iops       = optional(number)
    throughput = optional(number)
  })
  default = {}

  validation {
    condition     = var.storage.gb >= 20 && var.storage.gb <= 65536
    error_message = "The storage must be between 20 and 65536 GiB."
  }

  validation {
    condition     = var.storage.max_gb == 0 || var.storage.max_gb >= var.storage.gb * 1.1
    error_message = "The storage must be allowed to grow by at least a tenth, or its max_gb be 0 for never."
  }

  validation {
    condition     = (var.storage.iops == null && var.storage.throughput == null) || var.storage.gb >= 400
    error_message = "The iops and throughput of gp3 can be set from 400 GiB on; below that the volume has 3000 and 125 MiB/s."
  }
}

variable "multi_az" {
  description = "Whether a standby in another zone takes over when the instance or its zone fails. Doubles the price of the instance and its storage."
  type        = bool
  default     = true
}

variable "backup_days" {
  description = "For how many days the database can be restored to any second."
  type        = number
  default     = 7

  validation {
    condition     = var.backup_days >= 7 && var.backup_days <= 35 && floor(var.backup_days) == var.backup_days
    error_message = "The backups must reach back 7 to 35 whole days."
  }
}

variable "backup_window" {
  description = "When the daily snapshot is taken, in UTC."
  type        = string
  default     = "02:00-03:00"

  validation {
    condition     = can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$", var.backup_window))
    error_message = "The backup window must be two times of day in UTC, such as 02:00-03:00."
  }
}

variable "maintenance_window" {
  description = "When AWS may install minor versions and restart the instance, in UTC; not during the backup."
  type        = string
  default     = "sun:04:00-sun:05:00"

  validation {
    condition     = can(regex("^(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]-(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]$", var.maintenance_window))
    error_message = "The maintenance window must be two times of the week in UTC, such as sun:04:00-sun:05:00."
  }
}

variable "deletion_protection" {
  description = "Whether the instance refuses to be deleted. Without it a destroy works, and takes a last snapshot if final_snapshot is true."
  type        = bool
  default     = true
}

variable "final_snapshot" {
  description = "Whether a last snapshot, <identifier>-final, and the automated backups stay when the instance is deleted."
  type        = bool
  default     = true

  validation {
    condition     = var.final_snapshot || !var.deletion_protection
    error_message = "The final snapshot may be left out only where deletion protection is off too."
  }
}

variable "kms_key_arn" {
  description = "A customer-managed key for storage, backups, Insights and the master secret. Without one AWS' own key for RDS is used, which is free."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "The key must be the ARN of a KMS key, such as arn:aws:kms:eu-central-1:111122223333:key/…."
  }
}

variable "log_kms_key_arn" {
  description = "A customer-managed key for the log groups; its policy must allow CloudWatch Logs. Without one CloudWatch encrypts with its own."
  type        = string
  default     = null

  validation {
    condition     = var.log_kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.log_kms_key_arn))
    error_message = "The key of the logs must be the ARN of a KMS key, such as arn:aws:kms:eu-central-1:111122223333:key/…."
  }
}

variable "db_name" {
  description = "Name of the database, for TANDEM_DATABASE_NAME."
  type        = string
  default     = "tandem"

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.db_name))
    error_message = "The database's name must have 1 to 63 characters of a-z, 0-9 and underscores and start with a letter."
  }
}

variable "master_username" {
  description = "Name of the administrator, who runs migrations. RDS makes its password, keeps it in Secrets Manager and changes it every week."
  type        = string
  default     = "tandem_admin"

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.master_username)) && !contains(["postgres", "rdsadmin", "admin"], var.master_username)
    error_message = "The administrator's name must have 1 to 63 characters of a-z, 0-9 and underscores, start with a letter and be none that RDS reserves."
  }
}

variable "parameters" {
  description = "More parameters of PostgreSQL, by name. Those that a restart must apply wait for the next one."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.parameters), ["rds.force_ssl", "synchronous_commit", "fsync", "full_page_writes", "password_encryption"])) == 0
    error_message = "The parameters must not touch rds.force_ssl, synchronous_commit, fsync, full_page_writes or password_encryption: an accepted job must be on disk, and no password on the wire."
  }
}

variable "iam_auth" {
  description = "Whether people can log in with a token of IAM in place of a password. The services use passwords that are rotated."
  type        = bool
  default     = true
}

variable "insights_mode" {
  description = "CloudWatch Database Insights: standard keeps 7 days and is free, advanced keeps 465 and costs by the vCPU, off has none."
  type        = string
  default     = "standard"

  validation {
    condition     = contains(["standard", "advanced", "off"], var.insights_mode)
    error_message = "The Insights mode must be standard, advanced or off."
  }
}

variable "enhanced_monitoring_seconds" {
  description = "How often the operating system is measured; 0 for never. The measurements are logs, some cents per month at 60."
  type        = number
  default     = 60

  validation {
    condition     = contains([0, 1, 5, 10, 15, 30, 60], var.enhanced_monitoring_seconds)
    error_message = "The operating system can be measured every 1, 5, 10, 15, 30 or 60 seconds, or never, which is 0."
  }
}

variable "log_retention_days" {
  description = "How long the logs of the database are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "The retention of logs must be a number of days that CloudWatch knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731."
  }
}

variable "replicas" {
  description = "Read replicas in this region by name. Tandem does not read from them; they serve reports, and can be promoted."
  type = map(object({
    instance_class    = optional(string)
    availability_zone = optional(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.replicas) : can(regex("^[a-z][a-z0-9-]{0,15}[a-z0-9]$", name))])
    error_message = "Each replica must have a name of 2 to 17 characters of a-z, 0-9 and hyphens."
  }

  validation {
    condition     = length(var.replicas) <= 15
    error_message = "There may be at most 15 replicas."
  }
}

variable "restore" {
  description = <<-EOT
    Makes the instance out of backups instead of empty: of another instance (`source_identifier`, or `source_resource_id` if
    it is gone) or of backups that were copied from another region (`automated_backups_arn`); as they were at `time`, or as
    late as possible. Read when the instance is made and never again.
  EOT
  type = object({
    source_identifier     = optional(string)
    source_resource_id    = optional(string)
    automated_backups_arn = optional(string)
    time                  = optional(string)
  })
  default = null

  validation {
    condition = var.restore == null ? true : 1 == length([
      for source in [var.restore.source_identifier, var.restore.source_resource_id, var.restore.automated_backups_arn] : source if source != null
    ])
    error_message = "A restore must have exactly one of source_identifier, source_resource_id and automated_backups_arn."
  }

  validation {
    condition     = try(var.restore.time, null) == null ? true : can(regex("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$", var.restore.time))
    error_message = "The time of a restore must be in UTC, such as 2026-11-26T12:00:00Z."
  }
}

variable "apply_immediately" {
  description = "Whether changes happen at once instead of in the maintenance window. Some restart the instance."
  type        = bool
  default     = false
}

variable "alarms" {
  description = <<-EOT
    When to raise alarms, and whom to tell: `cpu_percent` over 15 minutes, `credits` of a burstable class that are left,
    `connections` that are open, `free_storage_gb`, `free_memory_mb`, and `replica_lag_seconds`.
  EOT
  type = object({
    enabled             = optional(bool, true)
    topic_arns          = optional(list(string), [])
    cpu_percent         = optional(number, 80)
    credits             = optional(number, 50)
    connections         = optional(number, 150)
    free_storage_gb     = optional(number, 5)
    free_memory_mb      = optional(number, 100)
    replica_lag_seconds = optional(number, 60)
  })
  default = {}

  validation {
    condition     = var.alarms.cpu_percent > 0 && var.alarms.cpu_percent <= 100
    error_message = "The CPU that raises the alarm must be more than 0 and at most 100 percent."
  }

  validation {
    condition = alltrue([
      for value in [var.alarms.credits, var.alarms.connections, var.alarms.free_storage_gb, var.alarms.free_memory_mb, var.alarms.replica_lag_seconds] : value > 0
    ])
    error_message = "The credits, connections, storage, memory and lag that raise alarms must be more than 0."
  }

  validation {
    condition     = alltrue([for arn in var.alarms.topic_arns : can(regex("^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:.+$", arn))])
    error_message = "Each topic of the alarms must be the ARN of an SNS topic."
  }
}

variable "runbook_base" {
  description = "Where runbooks are found: a path in the repository, or the URL of that folder, so that an alarm's mail has a link."
  type        = string
  default     = "docs/runbooks"

  validation {
    condition     = can(regex("^(https://)?[A-Za-z0-9._~/-]+[^/]$", var.runbook_base))
    error_message = "The base of the runbooks must be a path or an https URL without a slash at its end."
  }
}

variable "permissions_boundary_arn" {
  description = "The policy that bounds what the roles made here may ever do; null for none. Whoever applies by a role for GitHub must give it."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of a policy of the account, or null."
  }
}
