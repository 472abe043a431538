variable "name" {
  description = "Prefix of all names, such as tandem-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 20 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "vpc_id" {
  description = "The network."
  type        = string

  validation {
    condition     = startswith(var.vpc_id, "vpc-")
    error_message = "vpc_id must be the id of a VPC, like vpc-0123456789abcdef0."
  }
}

variable "subnet_ids" {
  description = "Where it stands: public subnets in two zones at least, or private ones with internal."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must have subnets of at least two availability zones in it."
  }
}

variable "internal" {
  description = "Whether it is reached from inside of the network only."
  type        = bool
  default     = false
}

variable "domain" {
  description = "The api's name, and the public Route 53 zone that it is in: a certificate for it is made, renewed and proved there, and the name leads here. Null if certificate_arn is given."
  type = object({
    name    = string
    zone_id = string
  })
  default = null

  validation {
    condition     = var.domain == null ? true : can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain.name))
    error_message = "domain.name must be a host's full name in lower case, like jobs.example.com."
  }

  validation {
    condition     = (var.domain == null) != (var.certificate_arn == null)
    error_message = "Exactly one of domain and certificate_arn must be given: there is no service without TLS."
  }
}

variable "certificate_arn" {
  description = "A certificate in ACM, of this region, that somebody else looks after; then their DNS leads here, too. Null if domain is given."
  type        = string
  default     = null

  validation {
    condition     = var.certificate_arn == null ? true : can(regex("^arn:[a-z-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/", var.certificate_arn))
    error_message = "certificate_arn must be the ARN of a certificate in ACM, like arn:aws:acm:eu-west-1:111122223333:certificate/…, or null."
  }
}

variable "ssl_policy" {
  description = "Which versions of TLS and which ciphers are spoken. The default has TLS 1.3, and of 1.2 what has forward secrecy."
  type        = string
  default     = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"

  validation {
    condition     = can(regex("^ELBSecurityPolicy-(TLS13-1-[23]|FS-1-2-Res)-", var.ssl_policy)) && !can(regex("-Ext[0-9]", var.ssl_policy))
    error_message = "ssl_policy must be one of AWS's policies that speak TLS 1.2 or newer without the extended ciphers, like ELBSecurityPolicy-TLS13-1-2-Res-2021-06."
  }
}

variable "allowed_cidrs" {
  description = "Who may connect: the whole internet, unless it is narrowed."
  type        = set(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = length(var.allowed_cidrs) > 0 && alltrue([for cidr in var.allowed_cidrs : can(cidrnetmask(cidr))])
    error_message = "allowed_cidrs must be IPv4 ranges, like 203.0.113.0/24, at least one."
  }
}

variable "test_listener" {
  description = "Whether there is a second listener, on port 8443, which CodeDeploy needs: while a deployment runs it leads to the new tasks alone, for people who want to try them."
  type        = bool
  default     = false
}

variable "test_cidrs" {
  description = "Who may connect to the second listener; nobody, unless it is said."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.test_cidrs : can(cidrnetmask(cidr)) && cidr != "0.0.0.0/0"])
    error_message = "test_cidrs must be IPv4 ranges, like 203.0.113.0/24, and not the whole internet."
  }

  validation {
    condition     = length(var.test_cidrs) == 0 || var.test_listener
    error_message = "test_cidrs has a meaning only with test_listener."
  }
}

variable "hidden_paths" {
  description = "Paths that are answered with 404 here, whatever the api would say: what it tells its operators is nobody else's business."
  type        = list(string)
  default     = ["/metrics", "/metrics/*"]

  validation {
    condition     = length(var.hidden_paths) >= 1 && length(var.hidden_paths) <= 5 && alltrue([for path in var.hidden_paths : can(regex("^/[!-~]*$", path))])
    error_message = "hidden_paths must be one to five paths, each beginning with a slash; a load balancer looks at five at most in a rule."
  }
}

variable "idle_timeout_seconds" {
  description = "How long a connection without traffic is kept."
  type        = number
  default     = 60

  validation {
    condition     = var.idle_timeout_seconds >= 30 && var.idle_timeout_seconds <= 70
    error_message = "idle_timeout_seconds must be from 30 to 70: waiting for a job takes 20, and the api itself closes idle connections after 75, which must not come first."
  }
}

variable "deletion_protection" {
  description = "Whether it can't be deleted before this is turned off."
  type        = bool
  default     = true
}

variable "access_logs" {
  description = "How many days the line for each request is kept, in a bucket of its own; null for no such lines. force_destroy lets the bucket be destroyed with lines in it."
  type = object({
    retention_days = optional(number, 90)
    force_destroy  = optional(bool, false)
  })
  default = {}

  validation {
    condition     = var.access_logs == null ? true : var.access_logs.retention_days >= 1 && var.access_logs.retention_days <= 3650
    error_message = "access_logs.retention_days must be from 1 to 3650."
  }
}

variable "waf" {
  description = "The firewall in front; null for none, which saves about 10 dollars a month. managed_groups names AWS's groups of rules, each with those of its rules that only count. rate_limit is the most requests of one address in five minutes. log_retention_days says how long what was blocked or counted is kept; 0 for no logs."
  type = object({
    rate_limit         = optional(number, 60000)
    log_retention_days = optional(number, 30)
    managed_groups = optional(map(set(string)), {
      AWSManagedRulesAmazonIpReputationList = []
      # Payloads are data that we store and pass on, of up to 256 KiB, not pages that we render or paths that we open. So
      # rules that look for such things in bodies would refuse honest jobs.
      AWSManagedRulesCommonRuleSet = [
        "CrossSiteScripting_BODY",
        "EC2MetaDataSSRF_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        "SizeRestrictions_BODY",
      ]
      AWSManagedRulesKnownBadInputsRuleSet = []
    })
  })
  default = {}

  validation {
    condition     = var.waf == null ? true : var.waf.rate_limit >= 100 && var.waf.rate_limit <= 2000000000
    error_message = "waf.rate_limit must be from 100 to 2000000000 requests of an address in five minutes; one API key alone may make 30000."
  }

  validation {
    condition     = var.waf == null ? true : alltrue([for group in keys(var.waf.managed_groups) : startswith(group, "AWSManagedRules")])
    error_message = "waf.managed_groups must have names of AWS's managed groups in it, like AWSManagedRulesCommonRuleSet."
  }

  validation {
    condition     = var.waf == null ? true : contains([0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.waf.log_retention_days)
    error_message = "waf.log_retention_days must be a number of days that CloudWatch Logs knows, such as 7, 30 or 365, or 0 for none."
  }
}

variable "kms_key_arn" {
  description = "The customer-managed key that encrypts the firewall's log; without one, CloudWatch's own does."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key, like arn:aws:kms:eu-west-1:111122223333:key/…, or null."
  }
}
