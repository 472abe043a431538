variable "name" {
  description = "Prefix of all names, such as tandem-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 20 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "service" {
  description = "What it is: api, worker or migrate. Also the container's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,7}$", var.service))
    error_message = "service must be 2 to 8 lower-case letters and digits, and begin with a letter."
  }
}

variable "runs" {
  description = "for_ever: a service that is kept at its number of tasks. once: only what a task needs (definition, roles, security group, log), for tasks that are started one by one and end, such as migrations."
  type        = string
  default     = "for_ever"

  validation {
    condition     = contains(["for_ever", "once"], var.runs)
    error_message = "runs must be for_ever or once."
  }
}

variable "cluster" {
  description = "Where it runs: outputs of the module ecs-cluster."
  type = object({
    arn  = string
    name = string
  })
}

variable "image" {
  description = "The repository, and the digest that the first tasks run. Later digests are the deploy program's; without one, the service waits with no tasks until the first release."
  type = object({
    repository_url = string
    repository_arn = string
    digest         = optional(string)
  })

  validation {
    condition     = !can(regex("@|:[^/]*$", var.image.repository_url))
    error_message = "image.repository_url must have neither tag nor digest in it: tags are no names for what runs."
  }

  validation {
    condition     = var.image.digest == null ? true : can(regex("^sha256:[0-9a-f]{64}$", var.image.digest))
    error_message = "image.digest must be sha256: and 64 hexadecimal digits, or null before the first release."
  }
}

variable "entrypoint" {
  description = "The program and its first arguments, instead of the image's own."
  type        = list(string)
  default     = []
}

variable "command" {
  description = "The arguments, instead of the image's own."
  type        = list(string)
  default     = []
}

variable "size" {
  description = "What a task has: CPU in 1024ths of a core, memory in MiB. Fargate knows certain pairs only."
  type = object({
    cpu    = number
    memory = number
  })
  default = { cpu = 256, memory = 512 }

  validation {
    condition = contains(try({
      256   = [512, 1024, 2048]
      512   = range(1024, 4097, 1024)
      1024  = range(2048, 8193, 1024)
      2048  = range(4096, 16385, 1024)
      4096  = range(8192, 30721, 1024)
      8192  = range(16384, 61441, 4096)
      16384 = range(32768, 122881, 8192)
    }[tostring(var.size.cpu)], []), var.size.memory)
    error_message = "size must be a pair that Fargate knows, like cpu 256 with memory 512, 1024 or 2048, or cpu 1024 with memory 2048 to 8192 in steps of 1024."
  }
}

variable "cpu_architecture" {
  description = "ARM64, which is a fifth cheaper, or X86_64: what the image is built for."
  type        = string
  default     = "ARM64"

  validation {
    condition     = contains(["ARM64", "X86_64"], var.cpu_architecture)
    error_message = "cpu_architecture must be ARM64 or X86_64."
  }
}

variable "environment" {
  description = "Settings by the names of their environment variables. Whoever may look at task definitions reads them, so no secrets."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.environment) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "environment must have names of environment variables in capitals, like TANDEM_QUEUE."
  }

  validation {
    condition     = alltrue([for name, value in var.environment : !can(regex("(PASSWORD|PEPPER|TOKEN|SECRET|ACCESS_KEY)$", name)) && !can(regex("://[^/@]*:[^/@]*@", value))])
    error_message = "environment must have no secrets in it; names that end in PASSWORD, PEPPER, TOKEN, SECRET or ACCESS_KEY, and URLs with a password, belong into secrets."
  }
}

variable "secrets" {
  description = "Secrets by the names of the environment variables that get their values when a task starts: ARNs in Secrets Manager, with :key:: behind it for one key of a JSON object."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^[A-Z][A-Z0-9_]*$", name)) && !contains(keys(var.environment), name)])
    error_message = "secrets must have names of environment variables in capitals, none of which is in environment too."
  }

  validation {
    condition     = alltrue([for arn in values(var.secrets) : can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:", arn))])
    error_message = "Each of secrets must be the ARN of a secret in Secrets Manager, like arn:aws:secretsmanager:eu-west-1:111122223333:secret:tandem-prod/pepper-AbCdEf."
  }
}

variable "secrets_kms_key_arn" {
  description = "The customer-managed key that these secrets are encrypted with, if any."
  type        = string
  default     = null

  validation {
    condition     = var.secrets_kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.secrets_kms_key_arn))
    error_message = "secrets_kms_key_arn must be the ARN of a KMS key, like arn:aws:kms:eu-west-1:111122223333:key/…, or null."
  }
}

variable "task_policies" {
  description = "What the program itself may do, as IAM policies in JSON by name. Nothing, unless it is said."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for policy in values(var.task_policies) : can(jsondecode(policy).Statement)])
    error_message = "Each of task_policies must be an IAM policy in JSON, with a Statement."
  }
}

variable "port" {
  description = "The port that the program listens on, for the load balancer; null if nobody connects to it."
  type        = number
  default     = null

  validation {
    condition     = var.port == null ? true : var.port >= 1024 && var.port <= 65535 && floor(var.port) == var.port
    error_message = "port must be from 1024 to 65535, since the program is no root, or null."
  }

  validation {
    condition     = (var.port != null) == (var.load_balancer != null)
    error_message = "port and load_balancer must be given together, or neither: nobody else connects to a task."
  }
}

variable "health_check_command" {
  description = "The program and arguments that tell by their exit code whether the container is healthy, such as [\"/app/worker\", \"healthcheck\"]; it must be the image's own, there is no shell. Empty for tasks that run once."
  type        = list(string)
  default     = []

  validation {
    condition     = (length(var.health_check_command) > 0) == (var.runs == "for_ever")
    error_message = "health_check_command must be given for what runs for ever, and only for that: else nobody notices that it hangs."
  }

  validation {
    condition     = length(var.health_check_command) == 0 ? true : startswith(var.health_check_command[0], "/")
    error_message = "health_check_command must begin with the path of a program, like /app/worker: the images have no shell to find it."
  }
}

variable "stop_timeout_seconds" {
  description = "How long a task may take to end after SIGTERM before it is killed. Fargate allows 120 at most, and Spot gives no longer notice."
  type        = number
  default     = 120

  validation {
    condition     = var.stop_timeout_seconds >= 1 && var.stop_timeout_seconds <= 120 && floor(var.stop_timeout_seconds) == var.stop_timeout_seconds
    error_message = "stop_timeout_seconds must be a whole number from 1 to 120, which is the most that Fargate allows."
  }
}

variable "read_only_root" {
  description = "Whether the container can't write to its own file system."
  type        = bool
  default     = true
}

variable "init_process" {
  description = "Whether a small init process reaps orphans and passes signals on."
  type        = bool
  default     = true
}

variable "execute_command" {
  description = "Whether people may start programs inside of running tasks by ECS Exec. The images have no shell, so that is of use only with an image for debugging."
  type        = bool
  default     = false
}

variable "log_retention_days" {
  description = "How many days logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a number of days that CloudWatch Logs knows, such as 7, 30 or 365."
  }
}

variable "log_kms_key_arn" {
  description = "The customer-managed key that encrypts the logs; without one, CloudWatch's own does."
  type        = string
  default     = null

  validation {
    condition     = var.log_kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.log_kms_key_arn))
    error_message = "log_kms_key_arn must be the ARN of a KMS key, like arn:aws:kms:eu-west-1:111122223333:key/…, or null."
  }
}

variable "network" {
  description = "Where tasks stand: outputs of the module network."
  type = object({
    vpc_id           = string
    subnet_ids       = list(string)
    assign_public_ip = optional(bool, false)
  })

  validation {
    condition     = length(var.network.subnet_ids) >= 1
    error_message = "network.subnet_ids must have at least one subnet in it."
  }
}

variable "egress" {
  description = "Whom tasks may connect to. internet_ports: TCP ports anywhere. prefix_list_ids: services behind gateway endpoints, for HTTPS. security_groups: by any name, a group and its port; with open, the group lets the tasks in as well, else whoever owns it does."
  type = object({
    internet_ports  = optional(set(number), [443])
    prefix_list_ids = optional(map(string), {})
    security_groups = optional(map(object({
      sg_id = string
      port  = number
      open  = optional(bool, false)
    })), {})
  })
  default = {}

  validation {
    condition     = alltrue([for port in var.egress.internet_ports : port >= 1 && port <= 65535 && floor(port) == port])
    error_message = "egress.internet_ports must be TCP ports from 1 to 65535."
  }

  validation {
    condition     = alltrue([for to in values(var.egress.security_groups) : to.port >= 1 && to.port <= 65535])
    error_message = "Each of egress.security_groups must have a TCP port from 1 to 65535."
  }
}

variable "permissions_boundary_arn" {
  description = "The policy that bounds what the roles made here may ever do; null for none. Whoever applies by a role for GitHub must give it."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of a policy of the account, or null."
  }
}
