variable "name" {
  description = "Prefix of everything that is made here, such as tandem-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "The name must have 3 to 32 characters of a-z, 0-9 and hyphens, start with a letter and not end with a hyphen."
  }
}

variable "database_arn" {
  description = "The database whose backups are copied."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:rds:[a-z0-9-]+:[0-9]{12}:db:.+$", var.database_arn))
    error_message = "The database must be the ARN of an instance in RDS."
  }
}

variable "replicate_backups" {
  description = "Whether the database's automated backups are copied to the other region as they are made, so that it can be restored there to within minutes. Costs the storage of one full copy and its logs."
  type        = bool
  default     = true
}

variable "backup_days" {
  description = "For how many days the copied backups reach back."
  type        = number
  default     = 7

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35 && floor(var.backup_days) == var.backup_days
    error_message = "The copied backups must reach back 1 to 35 whole days."
  }
}

variable "vault" {
  description = <<-EOT
    Snapshots that outlive the database and whoever deletes it: a vault here and one in the other region, in which nobody can
    delete anything for `lock_days`, or anybody can with 0. `schedule` is when a snapshot is made, in UTC; it is kept here for `keep_days` and its
    copy for `copy_days`.
  EOT
  type = object({
    enabled   = optional(bool, true)
    schedule  = optional(string, "cron(0 5 ? * SUN *)")
    keep_days = optional(number, 14)
    copy_days = optional(number, 90)
    lock_days = optional(number, 7)
  })
  default = {}

  validation {
    condition     = can(regex("^(cron|rate)\\(.+\\)$", var.vault.schedule))
    error_message = "The schedule of the vault must be an expression such as cron(0 5 ? * SUN *)."
  }

  validation {
    condition     = var.vault.lock_days >= 0 && min(var.vault.keep_days, var.vault.copy_days) >= max(1, var.vault.lock_days)
    error_message = "Snapshots and their copies must be kept for a day or more, and for at least as long as they are locked."
  }

  validation {
    condition     = var.vault.copy_days <= 3650 && var.vault.keep_days <= 3650
    error_message = "Snapshots and their copies must be kept for at most 3650 days."
  }
}

variable "topic_arn" {
  description = "The topic that is told when a snapshot or its copy fails; its policy must let rules of EventBridge publish whose names begin with the name above."
  type        = string
  default     = null

  validation {
    condition     = var.topic_arn == null || can(regex("^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:.+$", var.topic_arn))
    error_message = "The topic must be the ARN of an SNS topic."
  }
}

variable "notify" {
  description = "Whether the topic is told. Apart from topic_arn, because that is not known before the topic is made."
  type        = bool
  default     = false

  validation {
    condition     = !var.notify || var.topic_arn != null
    error_message = "To be told of failures there must be a topic_arn."
  }
}

variable "kms_deletion_days" {
  description = "How long the key of the copies can be brought back after it was deleted. Copies can't be read without it."
  type        = number
  default     = 30

  validation {
    condition     = var.kms_deletion_days >= 7 && var.kms_deletion_days <= 30
    error_message = "The key must be recoverable for 7 to 30 days."
  }
}

variable "runbook_base" {
  description = "Where runbooks are found: a path in the repository, or the URL of that folder."
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
