variable "autoscaling" {
  description = <<-TEXT
    How many tasks there are beyond desired_count; null for a fixed number. Each target that is not null is tracked, and the
    one that wants the most tasks wins.

    max: the most tasks. cpu_percent, memory_percent: averages over all tasks. requests_per_minute: for each task, from the
    load balancer. load: an expression over metrics, divided by the number of tasks, to be kept at per_task; this is for
    workers. age: an expression that tells how old the oldest waiting thing is; above seconds the number of tasks grows by
    half, above four times that it doubles, within a minute or two, while tracking takes five.

    Expressions are those of CloudWatch, over the names of metrics. A metric that is sometimes missing needs FILL(name, 0).

    office_hours: when tasks start and stop, as cron expressions of EventBridge such as cron(0 7 ? * MON-FRI *), in a time
    zone; for environments that nobody uses at night.
  TEXT
  type = object({
    max                 = number
    cpu_percent         = optional(number)
    memory_percent      = optional(number)
    requests_per_minute = optional(number)
    load = optional(object({
      per_task   = number
      expression = string
      metrics = map(object({
        namespace  = string
        name       = string
        dimensions = map(string)
        statistic  = optional(string, "Maximum")
      }))
    }))
    age = optional(object({
      seconds    = number
      expression = string
      metrics = map(object({
        namespace  = string
        name       = string
        dimensions = map(string)
        statistic  = optional(string, "Maximum")
      }))
    }))
    scale_out_cooldown_seconds = optional(number, 60)
    scale_in_cooldown_seconds  = optional(number, 300)
    office_hours = optional(object({
      start     = string
      stop      = string
      time_zone = optional(string, "UTC")
    }))
  })
  default = null

  validation {
    condition     = var.autoscaling == null ? true : var.autoscaling.max >= var.desired_count && var.autoscaling.max <= 5000
    error_message = "autoscaling.max must be from desired_count to 5000."
  }

  validation {
    condition = var.autoscaling == null ? true : alltrue([
      for percent in [var.autoscaling.cpu_percent, var.autoscaling.memory_percent] : percent == null ? true : percent >= 10 && percent <= 95
    ])
    error_message = "autoscaling.cpu_percent and memory_percent must be from 10 to 95, or null."
  }

  validation {
    condition     = var.autoscaling == null ? true : var.autoscaling.requests_per_minute == null ? true : var.autoscaling.requests_per_minute > 0 && var.load_balancer != null
    error_message = "autoscaling.requests_per_minute must be above 0, and needs a load_balancer that counts."
  }

  validation {
    condition = var.autoscaling == null ? true : alltrue([
      for tracked in [for one in [var.autoscaling.load, var.autoscaling.age] : one if one != null] :
      length(tracked.metrics) >= 1 && length(tracked.metrics) <= 9 && alltrue([
        for id in keys(tracked.metrics) : can(regex("^[a-z][a-z0-9_]*$", id)) && !contains(["tasks", "per_task"], id) && can(regex("\\b${id}\\b", tracked.expression))
      ])
    ])
    error_message = "autoscaling.load and age must have one to nine metrics, named by small letters, digits and _ (not tasks or per_task), each of which its expression uses."
  }

  validation {
    condition     = var.autoscaling == null ? true : (var.autoscaling.load == null ? true : var.autoscaling.load.per_task > 0) && (var.autoscaling.age == null ? true : var.autoscaling.age.seconds >= 1)
    error_message = "autoscaling.load.per_task must be above 0, and autoscaling.age.seconds at least 1."
  }

  validation {
    condition = var.autoscaling == null ? true : var.autoscaling.office_hours == null ? true : alltrue([
      for cron in [var.autoscaling.office_hours.start, var.autoscaling.office_hours.stop] : can(regex("^cron\\(([^ ]+ ){5}[^ ]+\\)$", cron))
    ])
    error_message = "autoscaling.office_hours must have start and stop as cron expressions of six fields, like cron(0 7 ? * MON-FRI *)."
  }

  validation {
    condition = var.autoscaling == null ? true : length([
      for tracked in [var.autoscaling.cpu_percent, var.autoscaling.memory_percent, var.autoscaling.requests_per_minute, var.autoscaling.load] : tracked if tracked != null
    ]) > 0
    error_message = "autoscaling must track something: cpu_percent, memory_percent, requests_per_minute or load; age alone would never take tasks away."
  }
}

variable "alarms" {
  description = "Alarms about the tasks themselves; null for none, which saves 0.30 dollars a month. page_topic_arns are the SNS topics that hear of missing tasks, ticket_topic_arns those that hear of busy ones: cpu_percent or memory_percent on average for a quarter of an hour."
  type = object({
    page_topic_arns   = optional(list(string), [])
    ticket_topic_arns = optional(list(string), [])
    cpu_percent       = optional(number, 85)
    memory_percent    = optional(number, 85)
  })
  default = {}

  validation {
    condition     = var.alarms == null ? true : alltrue([for percent in [var.alarms.cpu_percent, var.alarms.memory_percent] : percent >= 1 && percent <= 100])
    error_message = "alarms.cpu_percent and memory_percent must be from 1 to 100."
  }

  validation {
    condition     = var.alarms == null ? true : alltrue([for arn in concat(var.alarms.page_topic_arns, var.alarms.ticket_topic_arns) : can(regex("^arn:[a-z-]+:sns:", arn))])
    error_message = "Each of alarms.page_topic_arns and ticket_topic_arns must be the ARN of an SNS topic."
  }
}

variable "runbook_base" {
  description = "Where runbooks are found: a path in the repository, or the URL of that folder, so that an alarm's mail has a link."
  type        = string
  default     = "docs/runbooks"

  validation {
    condition     = can(regex("^(https://)?[A-Za-z0-9._~/-]+[^/]$", var.runbook_base))
    error_message = "runbook_base must be a path or an https URL without a slash at its end."
  }
}
