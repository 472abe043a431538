# The groups have the types of the module platform, which says and checks what may be in them. They are passed on as they are,
# so that this is said once.

variable "region" {
  description = "Where the environment is."
  type        = string
}

variable "dr_region" {
  description = "The second region, where copies are kept."
  type        = string

  validation {
    condition     = var.dr_region != var.region
    error_message = "dr_region must be another region than region: copies beside the original are none."
  }
}

variable "name" {
  description = "Prefix of all names."
  type        = string
}

variable "environment" {
  description = "Which environment this is."
  type        = string
}

variable "owner" {
  description = "Who answers for it, for the tag Owner."
  type        = string
  default     = "platform"
}

variable "cost_center" {
  description = "Who pays for it, for the tag CostCenter."
  type        = string
  default     = "platform"
}

variable "repository" {
  description = "Where this is described, for the tag Repository."
  type        = string
  default     = "tandem"
}

variable "aws_endpoint" {
  description = "The address of an emulator of AWS, such as http://127.0.0.1:4566; null for AWS itself."
  type        = string
  default     = null

  validation {
    condition     = var.aws_endpoint == null ? true : can(regex("^http://(127\\.0\\.0\\.1|localhost):[0-9]+$", var.aws_endpoint))
    error_message = "aws_endpoint must be an emulator on this machine, like http://127.0.0.1:4566, or null."
  }
}

variable "domain" {
  description = "The api's name and the zone that it is in; null if certificate_arn is given."
  type        = object({ name = string, zone_id = string })
  default     = null
}

variable "certificate_arn" {
  description = "A certificate that somebody else looks after, instead of domain."
  type        = string
  default     = null
}

variable "subscribers" {
  description = "Who is told of alarms and costs: mail addresses and https URLs, by page and ticket."
  type        = object({ page = optional(list(string), []), ticket = optional(list(string), []) })
  default     = {}
}

variable "registry" {
  description = "The registry that images come from, where this environment has none of its own."
  type        = string
  default     = null
}

variable "pull_account_ids" {
  description = "The accounts of other environments that run the images of this one's registry."
  type        = set(string)
  default     = []
}

variable "digests" {
  description = "What the first tasks run, by api and worker, if there is a release already."
  type        = map(string)
  default     = {}
}

variable "kms_key_arn" {
  description = "A key of yours for messages, secrets and the database; null for AWS's own."
  type        = string
  default     = null
}

variable "protected" {
  description = "Whether what holds data refuses to be deleted."
  type        = bool
}

variable "without" {
  description = "Parts that are left away, as the module platform has it."
  type        = set(string)
  default     = []
}

variable "network" {
  description = "The network, as the module platform has it."
  type        = any
}

variable "load_balancer" {
  description = "What stands in front of the api, as the module platform has it, without domain and certificate_arn."
  type        = any
}

variable "images" {
  description = "Where images come from, as the module platform has it, without registry, pull_account_ids and digests."
  type        = any

  validation {
    condition     = try(var.images.replication_region, null) == null || try(var.images.replication_region, null) == var.dr_region
    error_message = "images.replication_region must be dr_region: the copies' repositories are made there."
  }
}

variable "lanes" {
  description = "The lanes."
  type        = set(string)
  default     = ["high", "default", "low"]
}

variable "database" {
  description = "PostgreSQL, as the module platform has it."
  type        = any
}

variable "secret_rotation" {
  description = "What rotates the passwords of the database's users, as the module platform has it; null for people."
  type        = any
  default     = null
}

variable "permissions_boundary" {
  description = "The name of the policy that bounds the environment's roles, as the module platform has it; null for none."
  type        = string
  default     = null
}

variable "api" {
  description = "The api, as the module platform has it."
  type        = any
}

variable "worker" {
  description = "The worker, as the module platform has it."
  type        = any
}

variable "office_hours" {
  description = "When tasks start and stop, as the module platform has it; null for always."
  type        = any
  default     = null
}

variable "monitoring" {
  description = "Who is told what, as the module platform has it, without subscribers."
  type        = any
}

variable "traces" {
  description = "Where traces are sent, as the module platform has it; null for nowhere."
  type        = any
  default     = null
}

variable "copies" {
  description = "What is kept in the second region, as the module platform has it; null for nothing."
  type        = any
  default     = null
}

variable "budget" {
  description = "What may be spent in a month, as the module platform has it; null for no budget."
  type        = any
  default     = null
}
