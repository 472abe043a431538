variable "api" {
  description = "The api: the size of a task, how many of them, what scaling keeps them at, connections of each to the database, and further settings. canary_percent of the requests try a new version for bake_minutes, and the old tasks are kept for keep_previous_minutes. With spot there is no canary."
  type = object({
    cpu                   = optional(number, 256)
    memory                = optional(number, 512)
    tasks                 = optional(number, 2)
    max_tasks             = optional(number, 4)
    spot                  = optional(bool, false)
    connections           = optional(number, 10)
    cpu_percent           = optional(number, 60)
    memory_percent        = optional(number, 70)
    requests_per_minute   = optional(number, 30000)
    canary_percent        = optional(number, 10)
    bake_minutes          = optional(number, 5)
    keep_previous_minutes = optional(number, 30)
    environment           = optional(map(string), {})
  })
  default = {}

  validation {
    condition     = var.api.connections >= 2
    error_message = "api.connections must be at least 2: one listens for the ends of jobs, the others serve."
  }
}

locals {
  # What PostgreSQL on RDS allows by itself, which follows from the memory of the class.
  max_connections = coalesce(
    var.database.max_connections,
    lookup({ micro = 80, small = 180, medium = 390, large = 830 }, split(".", var.database.instance_class)[2], 5000),
  )
}

variable "worker" {
  description = "The worker: the size of a task, how many of them on ordinary Fargate (on_demand_base) and how the others are divided, jobs at a time (concurrency) and the share of them that scaling keeps busy (load_percent), after how many seconds of waiting it hurries (age_seconds), connections to the database, the TCP ports that targets of jobs may have, and further settings."
  type = object({
    cpu              = optional(number, 256)
    memory           = optional(number, 512)
    tasks            = optional(number, 2)
    max_tasks        = optional(number, 4)
    on_demand_base   = optional(number, 1)
    on_demand_weight = optional(number, 0)
    spot_weight      = optional(number, 1)
    concurrency      = optional(number, 100)
    load_percent     = optional(number, 70)
    age_seconds      = optional(number, 30)
    connections      = optional(number, 10)
    target_ports     = optional(set(number), [443])
    environment      = optional(map(string), {})
  })
  default = {}

  validation {
    condition     = var.worker.connections >= length(var.lanes) + 4
    error_message = "worker.connections must be at least one for each lane and four: one listens, one leads, one records outcomes and one heartbeats."
  }

  validation {
    condition     = var.worker.load_percent >= 10 && var.worker.load_percent <= 100
    error_message = "worker.load_percent must be from 10 to 100."
  }

  validation {
    condition     = 2 * (var.api.max_tasks * var.api.connections + var.worker.max_tasks * var.worker.connections) + 10 <= local.max_connections
    error_message = "worker.max_tasks and api.max_tasks, times their connections, must fit into the database twice with ten to spare: a deployment runs the old and the new tasks side by side."
  }
}

variable "office_hours" {
  description = "When tasks start and stop, as cron expressions of EventBridge in a time zone, for an environment that nobody uses at night; null for always."
  type = object({
    start     = string
    stop      = string
    time_zone = optional(string, "UTC")
  })
  default = null
}

variable "monitoring" {
  description = "Who is told what. application_metrics: whether the services publish theirs to CloudWatch. alarms: whether there are any. The rest is as the module observability has it."
  type = object({
    application_metrics = optional(bool, true)
    alarms              = optional(bool, true)
    subscribers = optional(object({
      page   = optional(list(string), [])
      ticket = optional(list(string), [])
    }), {})
    burn_rate_alarms   = optional(set(string), ["availability", "latency", "pickup"])
    dashboards         = optional(set(string), ["api", "worker", "queues", "database", "business"])
    cost               = optional(object({ month_usd = number, million_jobs_usd = number }))
    log_retention_days = optional(number, 30)
    container_insights = optional(string, "disabled")
    runbook_base       = optional(string, "docs/runbooks")
  })
  default = {}
}

variable "traces" {
  description = "Where the services send traces: the base URL of whatever takes OTLP over HTTP (`otlp_endpoint`, to which /v1/traces is added), the ARN of a secret with the headers that it wants (`headers_secret_arn`, its value is name=value,name=value), and the share of traces that are begun here and kept (`sample_ratio`). Null for no traces."
  type = object({
    otlp_endpoint      = string
    headers_secret_arn = optional(string)
    sample_ratio       = optional(number, 0.1)
  })
  default = null

  validation {
    condition     = var.traces == null ? true : can(regex("^https://[a-z0-9][a-z0-9.-]*(:443)?(/[^?#\\s]*)?$", var.traces.otlp_endpoint))
    error_message = "traces.otlp_endpoint must be an https URL at port 443, like https://otlp.example.com: tasks can connect to no other port."
  }

  validation {
    condition     = try(var.traces.headers_secret_arn, null) == null ? true : can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:", var.traces.headers_secret_arn))
    error_message = "traces.headers_secret_arn must be the ARN of a secret in Secrets Manager, or null."
  }

  validation {
    condition     = var.traces == null ? true : var.traces.sample_ratio >= 0 && var.traces.sample_ratio <= 1
    error_message = "traces.sample_ratio must be from 0 to 1."
  }
}
