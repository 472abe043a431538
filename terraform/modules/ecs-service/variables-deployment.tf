variable "load_balancer" {
  description = "What stands in front: outputs of the module load-balancer. paths are those that belong to this service, health_path tells whether a task may get requests: it must not look at the database, or a failover would end all tasks at once."
  type = object({
    sg_id                        = string
    https_listener_arn           = string
    test_listener_arn            = optional(string)
    arn_suffix                   = string
    priority                     = optional(number, 100)
    paths                        = optional(list(string), ["/*"])
    health_path                  = optional(string, "/health")
    deregistration_delay_seconds = optional(number, 30)
  })
  default = null

  validation {
    condition     = var.load_balancer == null ? true : var.load_balancer.priority >= 100 && var.load_balancer.priority <= 50000
    error_message = "load_balancer.priority must be from 100 to 50000: those below belong to the load balancer itself."
  }

  validation {
    condition     = var.load_balancer == null ? true : length(var.load_balancer.paths) >= 1 && length(var.load_balancer.paths) <= 5 && alltrue([for path in var.load_balancer.paths : startswith(path, "/")])
    error_message = "load_balancer.paths must be one to five paths, each beginning with a slash."
  }

  validation {
    condition     = var.load_balancer == null ? true : var.load_balancer.deregistration_delay_seconds >= 0 && var.load_balancer.deregistration_delay_seconds < var.stop_timeout_seconds
    error_message = "load_balancer.deregistration_delay_seconds must be below stop_timeout_seconds: requests that are under way then must be able to end."
  }

  validation {
    condition     = var.load_balancer == null || var.runs == "for_ever"
    error_message = "load_balancer has a meaning only for what runs for ever."
  }
}

variable "desired_count" {
  description = "How many tasks there are at least; without autoscaling, always. Two or more survive the loss of a zone."
  type        = number
  default     = 1

  validation {
    condition     = var.desired_count >= 1 && var.desired_count <= 1000 && floor(var.desired_count) == var.desired_count
    error_message = "desired_count must be a whole number from 1 to 1000."
  }
}

variable "capacity" {
  description = "Where tasks run. on_demand_base: so many always on ordinary Fargate. on_demand_weight, spot_weight: how the others are divided. Spot costs a third, and takes tasks away with two minutes' notice: right for workers, whose jobs go on elsewhere."
  type = object({
    on_demand_base   = optional(number, 1)
    on_demand_weight = optional(number, 1)
    spot_weight      = optional(number, 0)
  })
  default = {}

  validation {
    condition     = alltrue([for weight in [var.capacity.on_demand_base, var.capacity.on_demand_weight, var.capacity.spot_weight] : weight >= 0 && weight <= 1000 && floor(weight) == weight])
    error_message = "capacity must have whole numbers from 0 to 1000."
  }

  validation {
    condition     = var.capacity.on_demand_weight + var.capacity.spot_weight > 0
    error_message = "capacity must have a weight above 0: on_demand_weight, spot_weight or both."
  }

  validation {
    condition     = var.capacity.spot_weight == 0 || var.deployment.strategy == "rolling"
    error_message = "capacity.spot_weight must be 0 with the strategy codedeploy_canary: CodeDeploy starts tasks on ordinary Fargate."
  }
}

variable "deployment" {
  description = "How a new version takes over. rolling: task by task, back again when tasks do not start or an alarm is raised; min_healthy_percent and max_percent say how many tasks there are meanwhile. codedeploy_canary: all new tasks start beside the old ones, get canary_percent of the requests for bake_minutes (100: all at once), then all; back again within seconds when an alarm is raised, as long as the old ones are kept, keep_previous_minutes. alarm_names are the alarms that turn it back."
  type = object({
    strategy              = optional(string, "rolling")
    min_healthy_percent   = optional(number, 100)
    max_percent           = optional(number, 200)
    canary_percent        = optional(number, 10)
    bake_minutes          = optional(number, 5)
    keep_previous_minutes = optional(number, 30)
    alarm_names           = optional(set(string), [])
  })
  default = {}

  validation {
    condition     = contains(["rolling", "codedeploy_canary"], var.deployment.strategy)
    error_message = "deployment.strategy must be rolling or codedeploy_canary."
  }

  validation {
    condition     = var.deployment.strategy == "rolling" || var.load_balancer != null
    error_message = "deployment.strategy codedeploy_canary needs a load_balancer: it is requests that are divided."
  }

  validation {
    condition     = var.deployment.strategy == "rolling" || var.load_balancer == null ? true : var.load_balancer.test_listener_arn != null
    error_message = "deployment.strategy codedeploy_canary needs load_balancer.test_listener_arn: a new version can be tried there while it gets few requests."
  }

  validation {
    condition     = var.deployment.max_percent > var.deployment.min_healthy_percent && var.deployment.max_percent <= 400 && var.deployment.min_healthy_percent >= 0 && var.deployment.max_percent > 100
    error_message = "deployment.max_percent must be above 100 and above min_healthy_percent, else no task could be exchanged."
  }

  validation {
    condition     = var.deployment.canary_percent >= 1 && var.deployment.canary_percent <= 100
    error_message = "deployment.canary_percent must be from 1 to 100."
  }

  validation {
    condition     = var.deployment.bake_minutes >= 1 && var.deployment.bake_minutes <= 1440
    error_message = "deployment.bake_minutes must be from 1 to 1440."
  }

  validation {
    condition     = var.deployment.keep_previous_minutes >= 0 && var.deployment.keep_previous_minutes <= 2880
    error_message = "deployment.keep_previous_minutes must be from 0 to 2880."
  }

  validation {
    condition     = length(var.deployment.alarm_names) <= 10
    error_message = "deployment.alarm_names must be ten at most; CodeDeploy looks at no more."
  }
}
