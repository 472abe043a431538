variable "names" {
  description = "The repositories to make, such as [\"tandem/api\", \"tandem/worker\"]."
  type        = set(string)

  validation {
    condition     = length(var.names) > 0
    error_message = "names must have at least one repository in it."
  }

  validation {
    condition = alltrue([
      for name in var.names : length(name) >= 2 && length(name) <= 256 && can(regex("^[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*$", name))
    ])
    error_message = "Each of names must be 2 to 256 lower-case letters, digits and single separators (. _ - /), which a name neither begins nor ends with."
  }
}

variable "immutable" {
  description = "Whether a tag, once pushed, stays with its image for ever. Only a registry for experiments should say false."
  type        = bool
  default     = true
}

variable "scan" {
  description = "basic: each image is scanned once, when it is pushed, free of charge. enhanced: Amazon Inspector scans it again whenever a vulnerability becomes known, for about 0.10 dollars an image and month; this is a setting of the whole registry, so only one module call per account and region may have it."
  type        = string
  default     = "basic"

  validation {
    condition     = contains(["basic", "enhanced"], var.scan)
    error_message = "scan must be basic or enhanced."
  }
}

variable "kms_key_arn" {
  description = "The customer-managed key that encrypts the images; without one, they are encrypted by a key that AWS owns, which costs nothing. Can't be changed later without making the repositories anew."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key, like arn:aws:kms:eu-west-1:111122223333:key/…, or null."
  }
}

variable "keep_releases" {
  description = "How many releases are kept per repository: images with a tag that begins with v. Older ones are deleted, so nothing older can be rolled back to."
  type        = number
  default     = 50

  validation {
    condition     = var.keep_releases >= 2 && var.keep_releases <= 1000 && floor(var.keep_releases) == var.keep_releases
    error_message = "keep_releases must be a whole number from 2 to 1000: the release that runs, and at least the one before it."
  }
}

variable "keep_candidates_days" {
  description = "How many days images are kept that were never released: those whose tags begin with rc-, tree- or pr-."
  type        = number
  default     = 60

  validation {
    condition     = var.keep_candidates_days >= 1 && var.keep_candidates_days <= 3650 && floor(var.keep_candidates_days) == var.keep_candidates_days
    error_message = "keep_candidates_days must be a whole number of days from 1 to 3650."
  }
}

variable "keep_untagged_days" {
  description = "How many days images without a tag are kept: what a push that was broken off leaves behind."
  type        = number
  default     = 7

  validation {
    condition     = var.keep_untagged_days >= 1 && var.keep_untagged_days <= 3650 && floor(var.keep_untagged_days) == var.keep_untagged_days
    error_message = "keep_untagged_days must be a whole number of days from 1 to 3650."
  }
}

variable "pull_account_ids" {
  description = "Other AWS accounts that may pull these images, such as production's from the one where they are built. They can't push."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.pull_account_ids : can(regex("^[0-9]{12}$", id))])
    error_message = "Each of pull_account_ids must be an account's number of 12 digits."
  }
}

variable "replication_region" {
  description = "A second region that gets a copy of each image that is pushed, so that it can start tasks when this one is lost; null for none. This is a setting of the whole registry: only one module call per account and region may have it."
  type        = string
  default     = null

  validation {
    condition     = var.replication_region == null || can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.replication_region))
    error_message = "replication_region must be the name of a region, like eu-central-1, or null."
  }
}

variable "force_delete" {
  description = "Whether `terraform destroy` also deletes repositories that have images in them. For environments that come and go."
  type        = bool
  default     = false
}
