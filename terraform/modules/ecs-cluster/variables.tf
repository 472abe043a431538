variable "name" {
  description = "The cluster's name, and prefix of all other names, such as tandem-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 20 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "capacity_providers" {
  description = "Where tasks may run: FARGATE, and FARGATE_SPOT, which costs a third and may be taken away with two minutes' notice."
  type        = set(string)
  default     = ["FARGATE", "FARGATE_SPOT"]

  validation {
    condition     = contains(var.capacity_providers, "FARGATE") && length(setsubtract(var.capacity_providers, ["FARGATE", "FARGATE_SPOT"])) == 0
    error_message = "capacity_providers must be FARGATE, with or without FARGATE_SPOT."
  }
}

variable "container_insights" {
  description = "CloudWatch's own metrics about tasks. disabled: the free ones of ECS (CPU, memory, number of tasks). enabled, enhanced: more of them, which are paid for by metric: a few dollars a month for each service."
  type        = string
  default     = "disabled"

  validation {
    condition     = contains(["disabled", "enabled", "enhanced"], var.container_insights)
    error_message = "container_insights must be disabled, enabled or enhanced."
  }
}

variable "exec_log_retention_days" {
  description = "How many days it is kept what people did inside of tasks with ECS Exec; 0 if nobody may, which is right for images without a shell."
  type        = number
  default     = 0

  validation {
    condition     = contains([0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.exec_log_retention_days)
    error_message = "exec_log_retention_days must be a number of days that CloudWatch Logs knows, such as 30, 90 or 365, or 0."
  }
}

variable "kms_key_arn" {
  description = "The customer-managed key that encrypts sessions of ECS Exec and their log; without one, AWS's own do."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key, like arn:aws:kms:eu-west-1:111122223333:key/…, or null."
  }
}
