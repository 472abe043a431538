variable "name" {
  description = "Name of the lane's queue, such as tandem-prod-default. The dead-letter queue is called <name>-dead."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,69}[a-z0-9]$", var.name))
    error_message = "The name must have 3 to 71 characters of a-z, 0-9 and hyphens, start with a letter and not end with a hyphen."
  }
}

variable "visibility_timeout_seconds" {
  description = "How long a received message stays hidden when the receiver does not say so itself. Workers do, by TANDEM_VISIBILITY_SECS."
  type        = number
  default     = 30

  validation {
    condition     = var.visibility_timeout_seconds >= 2 && var.visibility_timeout_seconds <= 43200
    error_message = "The visibility timeout must be between 2 and 43200 seconds."
  }
}

variable "receive_wait_seconds" {
  description = "How long a receive waits for a message when the receiver does not say so itself."
  type        = number
  default     = 20

  validation {
    condition     = var.receive_wait_seconds >= 1 && var.receive_wait_seconds <= 20
    error_message = "The wait of a receive must be between 1 and 20 seconds; 0 would be short polling, which misses messages and costs more."
  }
}

variable "retention_seconds" {
  description = "How long a message waits that nobody receives. A lost message loses no job: the sweep announces it again."
  type        = number
  default     = 345600

  validation {
    condition     = var.retention_seconds >= 3600 && var.retention_seconds <= 1209600
    error_message = "The retention must be between 3600 and 1209600 seconds (an hour and 14 days)."
  }
}

variable "dead_letter_retention_seconds" {
  description = "How long a message waits in the dead-letter queue. SQS counts from when a message was first sent, so this may not be shorter than the retention."
  type        = number
  default     = 1209600

  validation {
    condition     = var.dead_letter_retention_seconds >= 3600 && var.dead_letter_retention_seconds <= 1209600
    error_message = "The retention of dead letters must be between 3600 and 1209600 seconds (an hour and 14 days)."
  }

  validation {
    condition     = var.dead_letter_retention_seconds >= var.retention_seconds
    error_message = "The retention of dead letters must not be shorter than that of the queue, because SQS counts both from when a message was first sent."
  }
}

variable "max_receive_count" {
  description = "After how many receives SQS itself moves a message to the dead-letter queue. It is the net for messages that no worker can handle; attempts of jobs are counted in the database."
  type        = number
  default     = 10

  validation {
    condition     = var.max_receive_count >= 10 && var.max_receive_count <= 1000
    error_message = "The maximal receive count must be between 10 and 1000, because a lower one buries messages of jobs that are only waited for."
  }
}

variable "max_message_bytes" {
  description = "The largest message. A message is a pointer of less than 1 KB and never the payload."
  type        = number
  default     = 4096

  validation {
    condition     = var.max_message_bytes >= 1024 && var.max_message_bytes <= 262144
    error_message = "The largest message must be between 1024 and 262144 bytes."
  }
}

variable "kms_key_arn" {
  description = "A customer-managed key to encrypt messages with. Without one SQS encrypts with a key of its own, which is free. Whoever sends or receives needs the rights to use the key."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "The key must be the ARN of a KMS key, such as arn:aws:kms:eu-central-1:111122223333:key/…."
  }
}

variable "kms_reuse_seconds" {
  description = "How long SQS uses a data key before it asks KMS again. Longer costs less."
  type        = number
  default     = 3600

  validation {
    condition     = var.kms_reuse_seconds >= 60 && var.kms_reuse_seconds <= 86400
    error_message = "The reuse of data keys must be between 60 and 86400 seconds."
  }
}

variable "producers" {
  description = "ARNs of the roles that may send doorbells, in one account with the queue: the workers, which announce what the database holds."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.producers : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$", arn))])
    error_message = "Each producer must be the ARN of an IAM role, such as arn:aws:iam::111122223333:role/tandem-prod-worker."
  }
}

variable "consumers" {
  description = "ARNs of the roles that may receive, hide and delete doorbells, and keep the dead-letter queue in agreement with the database: the workers."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.consumers : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$", arn))])
    error_message = "Each consumer must be the ARN of an IAM role, such as arn:aws:iam::111122223333:role/tandem-prod-worker."
  }
}

variable "observers" {
  description = "ARNs of the roles that may only look at the queue's attributes: the api, whose readiness tells whether the queue is there."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.observers : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$", arn))])
    error_message = "Each observer must be the ARN of an IAM role, such as arn:aws:iam::111122223333:role/tandem-prod-api."
  }
}

variable "alarms" {
  description = <<-EOT
    When to raise alarms, and whom to tell: `age_seconds` is how old the oldest doorbell may get, `dead_letters` how many
    messages the dead-letter queue may hold. `topic_arns` are told about both the alarm and its end.
  EOT
  type = object({
    enabled      = optional(bool, true)
    topic_arns   = optional(list(string), [])
    age_seconds  = optional(number, 120)
    dead_letters = optional(number, 0)
  })
  default = {}

  validation {
    condition     = var.alarms.age_seconds >= 30 && var.alarms.age_seconds <= 86400
    error_message = "The age that raises the alarm must be between 30 and 86400 seconds."
  }

  validation {
    condition     = var.alarms.dead_letters >= 0
    error_message = "The number of dead letters that are tolerated must not be negative."
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
