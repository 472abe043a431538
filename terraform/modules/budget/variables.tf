variable "name" {
  description = "Prefix of the budget's name, such as tandem-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "The name must have 3 to 32 characters of a-z, 0-9 and hyphens, start with a letter and not end with a hyphen."
  }
}

variable "limit_usd" {
  description = "What may be spent in a month, in dollars."
  type        = number

  validation {
    condition     = var.limit_usd >= 1 && var.limit_usd <= 100000
    error_message = "The limit must be between 1 and 100000 dollars per month."
  }
}

variable "thresholds" {
  description = "At which shares of the limit, in percent, somebody is told: of what was spent (`actual`), and of what the month will cost if it goes on like this (`forecast`)."
  type = object({
    actual   = optional(list(number), [50, 80, 100])
    forecast = optional(list(number), [100])
  })
  default = {}

  validation {
    condition     = alltrue([for percent in concat(var.thresholds.actual, var.thresholds.forecast) : percent > 0 && percent <= 1000])
    error_message = "Each threshold must be more than 0 and at most 1000 percent."
  }

  validation {
    condition     = length(var.thresholds.actual) + length(var.thresholds.forecast) >= 1 && length(var.thresholds.actual) + length(var.thresholds.forecast) <= 10
    error_message = "A budget must have between 1 and 10 thresholds."
  }
}

variable "tag_filter" {
  description = "Which resources count, by one tag, such as { key = \"Environment\", value = \"prod\" }. The tag must be activated for cost allocation. Without it the whole account counts."
  type        = object({ key = string, value = string })
  default     = null

  validation {
    condition     = var.tag_filter == null ? true : length(var.tag_filter.key) > 0 && length(var.tag_filter.value) > 0
    error_message = "The tag that is counted must have a key and a value."
  }
}

variable "emails" {
  description = "Mail addresses that are told, at most 10."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.emails) <= 10 && alltrue([for email in var.emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", email))])
    error_message = "There must be at most 10 addresses, each a mail address."
  }
}

variable "topic_arns" {
  description = "The topic in SNS that is told, at most one; its policy must let budgets.amazonaws.com publish."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.topic_arns) <= 1 && alltrue([for arn in var.topic_arns : can(regex("^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:.+$", arn))])
    error_message = "There must be at most one topic, by the ARN of an SNS topic."
  }

  validation {
    condition     = length(var.topic_arns) + length(var.emails) >= 1
    error_message = "There must be a mail address or a topic, because a budget that tells nobody is none."
  }
}

variable "anomalies" {
  description = "Whether AWS looks for costs that are unlike those of the weeks before, by service, and from how many dollars on somebody is told. Once per account, and mails only."
  type = object({
    enabled = optional(bool, false)
    usd     = optional(number, 10)
  })
  default = {}

  validation {
    condition     = var.anomalies.usd >= 1
    error_message = "An anomaly must be worth at least 1 dollar."
  }

  validation {
    condition     = !var.anomalies.enabled || length(var.emails) >= 1
    error_message = "Anomalies must have a mail address to be told to."
  }
}
