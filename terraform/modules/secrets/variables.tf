variable "name" {
  description = "Prefix of the secrets' names, such as tandem-prod: a secret is called <name>/<key>."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "The name must have 3 to 32 characters of a-z, 0-9 and hyphens, start with a letter and not end with a hyphen."
  }
}

variable "secrets" {
  description = <<-EOT
    The containers by key. `description` says what is in it and who puts it there. `readers` are ARNs of roles of this account
    that may read it, `writers` of those that may give it a value. With `rotation_days` and `rotation_lambda_arn` a function changes the value that often.
    `replica_region` keeps a copy in another region, encrypted with `replica_kms_key_arn` or AWS' own key there.
  EOT
  type = map(object({
    description         = string
    readers             = optional(list(string), [])
    writers             = optional(list(string), [])
    rotation_days       = optional(number)
    rotation_lambda_arn = optional(string)
    replica_region      = optional(string)
    replica_kms_key_arn = optional(string)
  }))

  validation {
    condition     = alltrue([for key in keys(var.secrets) : can(regex("^[a-z0-9]+([/_-][a-z0-9]+)*$", key))])
    error_message = "Each secret's key must be words of a-z and 0-9 that are joined by slashes, hyphens or underscores."
  }

  validation {
    # Secrets Manager adds six characters of its own to the ARN; a name that ends like that can be mistaken for one.
    condition     = alltrue([for key in keys(var.secrets) : !can(regex("-[a-z0-9]{6}$", key))])
    error_message = "No secret's key may end with a hyphen and six characters, because that is how Secrets Manager ends its ARNs."
  }

  validation {
    condition     = alltrue([for secret in values(var.secrets) : length(secret.description) >= 10])
    error_message = "Each secret must have a description of at least 10 characters that says what is in it and who puts it there."
  }

  validation {
    condition = alltrue(flatten([
      for secret in values(var.secrets) : [for arn in concat(secret.readers, secret.writers) : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$", arn))]
    ]))
    error_message = "Each reader and writer must be the ARN of an IAM role, such as arn:aws:iam::111122223333:role/tandem-prod-api."
  }

  validation {
    condition     = alltrue([for secret in values(var.secrets) : (secret.rotation_days == null) == (secret.rotation_lambda_arn == null)])
    error_message = "A secret must have both rotation_days and rotation_lambda_arn, or neither."
  }

  validation {
    condition     = alltrue([for secret in values(var.secrets) : secret.rotation_days == null ? true : secret.rotation_days >= 1 && secret.rotation_days <= 90])
    error_message = "The rotation of a secret must be between 1 and 90 days."
  }

  validation {
    condition     = alltrue([for secret in values(var.secrets) : secret.rotation_lambda_arn == null ? true : can(regex("^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:.+$", secret.rotation_lambda_arn))])
    error_message = "The function that rotates a secret must be the ARN of a Lambda function."
  }

  validation {
    condition     = alltrue([for secret in values(var.secrets) : secret.replica_region == null ? true : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", secret.replica_region))])
    error_message = "The region of a replica must be one of AWS, such as eu-west-1."
  }

  validation {
    condition     = alltrue([for secret in values(var.secrets) : secret.replica_kms_key_arn == null || secret.replica_region != null])
    error_message = "A replica_kms_key_arn has a meaning only with a replica_region."
  }
}

variable "kms_key_arn" {
  description = "A customer-managed key. Without one AWS' own key for Secrets Manager is used, which is free and serves this account only."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "The key must be the ARN of a KMS key, such as arn:aws:kms:eu-central-1:111122223333:key/…."
  }
}

variable "recovery_days" {
  description = "For how many days a deleted secret can be brought back. With 0 it is gone at once, and its name is free for the next apply."
  type        = number
  default     = 30

  validation {
    condition     = var.recovery_days == 0 || (var.recovery_days >= 7 && var.recovery_days <= 30)
    error_message = "The recovery of a deleted secret must be between 7 and 30 days, or 0 for none."
  }
}
