variable "name" {
  description = "Prefix of all names, such as tandem-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 20 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "environment" {
  description = "Which environment this is: part of API keys, and a dimension of metrics."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]{2,10}$", var.environment))
    error_message = "environment must be 2 to 10 lower-case letters and digits, like prod: API keys have it in them."
  }
}

variable "protected" {
  description = "Whether what holds data refuses to be deleted, and leaves a snapshot behind. False for environments that come and go."
  type        = bool
  default     = true
}

variable "without" {
  description = "Parts that are left away whatever else is said, for accounts, regions or emulators that lack them, or to save their price: autoscaling, canary (deployments are rolling then), waf, waf_logs, network_acl, flow_logs, backup_copy, budget."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.without, ["autoscaling", "canary", "waf", "waf_logs", "network_acl", "flow_logs", "backup_copy", "budget"])) == 0
    error_message = "without must have only autoscaling, canary, waf, waf_logs, network_acl, flow_logs, backup_copy and budget in it."
  }
}

variable "kms_key_arn" {
  description = "A customer-managed key for messages, secrets and the database; its policy must let the task roles use it. Without one, AWS's own keys encrypt them, for nothing."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key, like arn:aws:kms:eu-west-1:111122223333:key/…, or null."
  }
}

variable "network" {
  description = "The network, as the module network has it; with flow_logs, what is refused is logged."
  type = object({
    cidr                = optional(string, "10.20.0.0/16")
    az_count            = optional(number, 2)
    availability_zones  = optional(list(string))
    egress_mode         = optional(string, "nat_gateway_single")
    interface_endpoints = optional(set(string), [])
    flow_logs           = optional(bool, true)
  })
  default = {}
}

variable "load_balancer" {
  description = "What stands in front of the api, as the module load-balancer has it: the api's domain or somebody else's certificate, who may connect, who may try new tasks at port 8443 while a canary runs (`test_cidrs`; no program does), how many requests of one address in five minutes the firewall lets through, and for how many days a line for each request is kept, 0 for no lines."
  type = object({
    domain          = optional(object({ name = string, zone_id = string }))
    certificate_arn = optional(string)
    allowed_cidrs   = optional(set(string), ["0.0.0.0/0"])
    test_cidrs      = optional(set(string), [])
    waf             = optional(bool, true)
    rate_limit      = optional(number, 60000)
    access_log_days = optional(number, 90)
  })

  validation {
    condition     = (var.load_balancer.domain == null) != (var.load_balancer.certificate_arn == null)
    error_message = "load_balancer must have exactly one of domain and certificate_arn."
  }

  validation {
    condition     = length(var.load_balancer.test_cidrs) == 0 || !contains(var.without, "canary")
    error_message = "load_balancer.test_cidrs has a meaning only with a canary, whose new version they can try."
  }
}

variable "images" {
  description = "Where images come from. With create, the repositories <prefix>/api and <prefix>/worker are made here, and pull_account_ids may pull from them; else they are in registry, which is another account's. digests are what the first tasks run, api and worker, if there is a release already."
  type = object({
    create             = optional(bool, true)
    prefix             = optional(string, "tandem")
    registry           = optional(string)
    pull_account_ids   = optional(set(string), [])
    scan               = optional(string, "basic")
    replication_region = optional(string)
    digests            = optional(map(string), {})
  })
  default = {}

  validation {
    condition     = var.images.create == (var.images.registry == null)
    error_message = "images.registry must be given where the repositories are not made here, and only there."
  }

  validation {
    condition     = var.images.registry == null ? true : can(regex("^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com(\\.cn)?$", var.images.registry))
    error_message = "images.registry must be a registry of ECR, like 111122223333.dkr.ecr.eu-west-1.amazonaws.com."
  }

  validation {
    condition     = length(setsubtract(keys(var.images.digests), ["api", "worker"])) == 0
    error_message = "images.digests must have only api and worker in it."
  }
}

variable "lanes" {
  description = "The lanes: each has a queue and a dead-letter queue in SQS."
  type        = set(string)
  default     = ["high", "default", "low"]

  validation {
    condition     = contains(var.lanes, "default") && length(var.lanes) <= 4 && alltrue([for lane in var.lanes : can(regex("^[a-z][a-z0-9-]{0,39}$", lane))])
    error_message = "lanes must have default and three others at most in it, of lower-case letters, digits and hyphens: one alarm looks at ten metrics, two of each lane."
  }
}

variable "database" {
  description = "PostgreSQL, as the module database has it. max_connections is what its class allows; null for what is known of small classes."
  type = object({
    engine_version              = optional(string, "17")
    instance_class              = optional(string, "db.t4g.small")
    multi_az                    = optional(bool, true)
    storage_gb                  = optional(number, 20)
    max_storage_gb              = optional(number, 100)
    backup_days                 = optional(number, 7)
    insights_mode               = optional(string, "standard")
    enhanced_monitoring_seconds = optional(number, 60)
    replicas                    = optional(map(object({ instance_class = optional(string), availability_zone = optional(string) })), {})
    max_connections             = optional(number)
    restore = optional(object({
      source_identifier     = optional(string)
      source_resource_id    = optional(string)
      automated_backups_arn = optional(string)
      time                  = optional(string)
    }))
  })
  default = {}

  validation {
    condition     = var.database.max_connections != null || can(regex("\\.(micro|small|medium|large)$", var.database.instance_class))
    error_message = "database.max_connections must be given for classes from xlarge on: it is what the tasks must share."
  }
}

variable "secret_rotation" {
  description = "The Lambda function that gives the users of the database new passwords (`lambda_arn`), its security group, which the database lets in (`sg_id`), and how often (`days`); null for doing that by hand. AWS has one, SecretsManagerRDSPostgreSQLRotationMultiUser."
  type = object({
    lambda_arn = string
    sg_id      = string
    days       = optional(number, 30)
  })
  default = null

  validation {
    condition     = var.secret_rotation == null ? true : can(regex("^sg-[0-9a-z-]+$", var.secret_rotation.sg_id))
    error_message = "secret_rotation.sg_id must be the id of the function's security group, like sg-0123456789abcdef0: without it the function can't reach the database."
  }
}

variable "permissions_boundary" {
  description = "The name of the policy that bounds what the roles of the environment may ever do; null for none. Whoever applies by a role for GitHub must give the one that bootstrap made, `<name>-github-boundary`."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^[A-Za-z0-9+=,.@_-]{1,128}$", var.permissions_boundary))
    error_message = "permissions_boundary must be the name of a policy, and not its ARN."
  }
}

variable "copies" {
  description = "What is kept in the second region: the database's backups as they are made, weekly snapshots in a vault that nobody can empty, and the secrets; null for nothing."
  type = object({
    backups     = optional(bool, true)
    backup_days = optional(number, 7)
    vault       = optional(bool, true)
    secrets     = optional(bool, true)
  })
  default = {}
}

variable "budget" {
  description = "What may be spent in a month, in dollars, of what has this environment's tag; emails are told beside the topic for tickets. anomalies: whether AWS looks for unusual costs of the account, which mails only and one environment of an account can have. Null for no budget."
  type = object({
    limit_usd = number
    emails    = optional(list(string), [])
    anomalies = optional(bool, false)
  })
  default = null
}
