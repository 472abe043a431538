variable "name" {
  description = "Prefix of everything that is made here, such as tandem-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "The name must have 3 to 32 characters of a-z, 0-9 and hyphens, start with a letter and not end with a hyphen."
  }
}

variable "environment" {
  description = "The value of the dimension Environment of the metrics that the services publish, such as prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]{2,10}$", var.environment))
    error_message = "The environment must have 2 to 10 characters of a-z and 0-9."
  }
}

# An object and not a text, so that it is known before anything is made whether there is one.
variable "load_balancer" {
  description = "The api's load balancer: its arn_suffix, as CloudWatch's dimension LoadBalancer has it. Without one there are no alarms about the api's availability."
  type        = object({ arn_suffix = string })
  default     = null

  validation {
    condition     = var.load_balancer == null ? true : can(regex("^app/[A-Za-z0-9-]+/[0-9a-z]+$", var.load_balancer.arn_suffix))
    error_message = "The load balancer must be the suffix of its ARN, such as app/tandem-prod/0123456789abcdef."
  }
}

variable "certificate" {
  description = "The certificate whose end is watched, by its arn, if any."
  type        = object({ arn = string })
  default     = null

  validation {
    condition     = var.certificate == null ? true : can(regex("^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+$", var.certificate.arn))
    error_message = "The certificate must be the ARN of a certificate in ACM."
  }
}

variable "services" {
  description = "The ECS services by role, `api` and `worker`: the names of their `cluster` and `service`, and of the application in CodeDeploy that exchanges their tasks, if one does (`codedeploy`)."
  type        = map(object({ cluster = string, service = string, codedeploy = optional(string) }))
  default     = {}

  validation {
    condition     = alltrue([for role in keys(var.services) : contains(["api", "worker"], role)])
    error_message = "The services must be called api and worker."
  }
}

variable "lanes" {
  description = "The lanes by name, as the services know them, with the names of their queues in SQS, or null where Postgres is the queue."
  type        = map(object({ queue_name = string, dlq_name = string }))

  validation {
    condition     = contains(keys(var.lanes), "default")
    error_message = "The lane called default must be among the lanes."
  }

  validation {
    condition     = alltrue([for name in keys(var.lanes) : can(regex("^[a-z][a-z0-9_-]*$", name))]) && length(var.lanes) <= 8
    error_message = "There must be at most 8 lanes, and their names must be of a-z, 0-9, hyphens and underscores."
  }
}

variable "database_identifier" {
  description = "The database, as CloudWatch's dimension DBInstanceIdentifier has it. Without one its dashboard shows what the services tell."
  type        = string
  default     = null

  validation {
    condition     = var.database_identifier == null || can(regex("^[a-z][a-z0-9-]*$", var.database_identifier))
    error_message = "The database must be the identifier of an instance, such as tandem-prod."
  }
}

variable "application_metrics" {
  description = "Whether the services publish metrics to CloudWatch. Without them there are only the alarms about what AWS measures itself."
  type        = bool
  default     = true
}

variable "alarms" {
  description = "Whether there are alarms, and events that call somebody. The topics and the dashboards are there all the same."
  type        = bool
  default     = true
}

variable "sleeps" {
  description = "Whether all tasks stop at times, such as at night. Then silence of the workers calls nobody."
  type        = bool
  default     = false
}

variable "released" {
  description = "Whether there was a first release. Until then neither the workers' silence nor a broken promise calls anybody."
  type        = bool
  default     = true
}

variable "slo" {
  description = <<-EOT
    What is promised: the share of requests that the api does not fail (`availability`), the share of submits that it answers
    within `latency_ms` (`latency`), and the share of jobs that start within `pickup_seconds` of being due (`pickup`).
    Windows with less than `minimum_events` say nothing.
  EOT
  type = object({
    availability   = optional(number, 0.999)
    latency        = optional(number, 0.99)
    latency_ms     = optional(number, 100)
    pickup         = optional(number, 0.95)
    pickup_seconds = optional(number, 5)
    minimum_events = optional(number, 50)
  })
  default = {}

  validation {
    condition     = alltrue([for share in [var.slo.availability, var.slo.latency, var.slo.pickup] : share >= 0.9 && share < 1])
    error_message = "Each promise must be a share of at least 0.9 and less than 1."
  }

  validation {
    condition     = var.slo.latency_ms > 0 && var.slo.pickup_seconds > 0
    error_message = "The latency and the pickup that are promised must be more than 0."
  }

  validation {
    condition     = var.slo.minimum_events >= 1
    error_message = "The minimum of events must be at least 1."
  }
}

variable "burn_rate_alarms" {
  description = "The promises that are watched: availability, latency, pickup. Each costs about 2.50 dollars per month."
  type        = set(string)
  default     = ["availability", "latency", "pickup"]

  validation {
    condition     = alltrue([for slo in var.burn_rate_alarms : contains(["availability", "latency", "pickup"], slo)])
    error_message = "The promises that are watched must be among availability, latency and pickup."
  }
}

variable "thresholds" {
  description = <<-EOT
    When the other alarms go off: `oldest_queued_seconds` and `overdue_seconds` for work that waits, `workers` for how many
    must be there, `certificate_days` before a certificate ends, `failed_share` of attempts, without
    those that a target or a payload failed, and `error_share` of answers that roll a deployment back, and `rollback_latency_ms` for the same.
  EOT
  type = object({
    oldest_queued_seconds = optional(number, 300)
    overdue_seconds       = optional(number, 60)
    workers               = optional(number, 1)
    certificate_days      = optional(number, 21)
    failed_share          = optional(number, 0.5)
    error_share           = optional(number, 0.05)
    rollback_latency_ms   = optional(number, 1000)
  })
  default = {}

  validation {
    condition = alltrue([
      for value in [
        var.thresholds.oldest_queued_seconds, var.thresholds.overdue_seconds, var.thresholds.workers,
        var.thresholds.certificate_days, var.thresholds.rollback_latency_ms,
      ] : value > 0
    ])
    error_message = "The seconds, workers, days and milliseconds that raise alarms must be more than 0."
  }

  validation {
    condition     = alltrue([for share in [var.thresholds.failed_share, var.thresholds.error_share] : share > 0 && share < 1])
    error_message = "The shares that roll a deployment back must be between 0 and 1."
  }
}

variable "subscribers" {
  description = "Who is told, by urgency: `page` for what somebody must look at now, `ticket` for what can wait for a working day. Each a list of mail addresses and https URLs."
  type = object({
    page   = optional(list(string), [])
    ticket = optional(list(string), [])
  })
  default = {}

  validation {
    condition     = alltrue([for endpoint in concat(var.subscribers.page, var.subscribers.ticket) : can(regex("^(https://[^ ]+|[^@ ]+@[^@ ]+\\.[^@ ]+)$", endpoint))])
    error_message = "Each subscriber must be a mail address or an https URL."
  }
}

variable "kms_key_arn" {
  description = "A key for the topics; its policy must allow CloudWatch, EventBridge and Budgets. Without one a key is made, for a dollar per month, because AWS' own key for SNS does not let them publish."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "The key must be the ARN of a KMS key, such as arn:aws:kms:eu-central-1:111122223333:key/…."
  }
}

variable "dashboards" {
  description = "Which dashboards there are: api, worker, queues, database, business. An account has three for free; each further one costs 3 dollars per month."
  type        = set(string)
  default     = ["api", "worker", "queues", "database", "business"]

  validation {
    condition     = alltrue([for dashboard in var.dashboards : contains(["api", "worker", "queues", "database", "business"], dashboard)])
    error_message = "The dashboards must be among api, worker, queues, database and business."
  }
}

variable "cost" {
  description = "What the environment costs, from which the dashboard business computes what a million jobs cost: dollars a month without jobs (`month_usd`), and what each million jobs adds (`million_jobs_usd`). Null shows no such figure."
  type        = object({ month_usd = number, million_jobs_usd = number })
  default     = null

  validation {
    condition     = var.cost == null ? true : var.cost.month_usd > 0 && var.cost.million_jobs_usd >= 0
    error_message = "cost.month_usd must be more than 0, and cost.million_jobs_usd not less than 0."
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
