variable "name" {
  description = "Prefix of all names, such as tandem-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 20 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "cidr" {
  description = "The addresses of the network. It is divided into a sixteenth for each availability zone's private subnet, and one sixteenth for all public and isolated ones."
  type        = string
  default     = "10.20.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.cidr)) && can(regex("/1[6-9]$", var.cidr))
    error_message = "cidr must be an IPv4 range from /16 to /19, like 10.20.0.0/16."
  }
}

variable "az_count" {
  description = "Over how many availability zones everything is spread."
  type        = number
  default     = 2

  validation {
    condition     = contains([2, 3], var.az_count)
    error_message = "az_count must be 2 or 3: load balancers and databases need two."
  }
}

variable "availability_zones" {
  description = "The zones by name; null for the first az_count of the region."
  type        = list(string)
  default     = null

  validation {
    condition     = var.availability_zones == null ? true : length(distinct(var.availability_zones)) == var.az_count
    error_message = "availability_zones must name az_count (${var.az_count}) different zones, or be null."
  }
}

variable "egress_mode" {
  description = "How tasks reach the internet, which job targets are in. nat_gateway_per_az: survives the loss of a zone. nat_gateway_single: one for all zones. nat_instance_per_az, nat_instance: the same with small EC2 instances, for a tenth of the price and without AWS looking after them. public_ip: no NAT, tasks stand in public subnets with addresses of their own."
  type        = string
  default     = "nat_gateway_per_az"

  validation {
    condition     = contains(["nat_gateway_per_az", "nat_gateway_single", "nat_instance_per_az", "nat_instance", "public_ip"], var.egress_mode)
    error_message = "egress_mode must be nat_gateway_per_az, nat_gateway_single, nat_instance_per_az, nat_instance or public_ip."
  }
}

variable "nat_instance" {
  description = "What NAT instances are, where there are any: their type (arm64), and the TCP ports that they let through."
  type = object({
    type  = optional(string, "t4g.nano")
    ports = optional(set(number), [443])
  })
  default = {}

  validation {
    condition     = can(regex("^[a-z]+[0-9]+g[a-z]*\\.", var.nat_instance.type))
    error_message = "nat_instance.type must be a type with a Graviton processor, like t4g.nano."
  }

  validation {
    condition     = length(var.nat_instance.ports) > 0 && alltrue([for port in var.nat_instance.ports : port >= 1 && port <= 65535 && floor(port) == port])
    error_message = "nat_instance.ports must be TCP ports from 1 to 65535, at least one."
  }
}

variable "interface_endpoints" {
  description = "AWS services that are reached without leaving the network, such as [\"ecr.api\", \"ecr.dkr\", \"logs\", \"secretsmanager\", \"sqs\"]. Each costs about 7.30 dollars a month and zone. S3 is always reached so, for nothing."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for service in var.interface_endpoints : can(regex("^[a-z0-9]+([.-][a-z0-9]+)*$", service)) && !startswith(service, "com.amazonaws")])
    error_message = "Each of interface_endpoints must be a service's short name, like secretsmanager or ecr.api, without com.amazonaws and the region."
  }

  validation {
    condition     = !contains(var.interface_endpoints, "s3")
    error_message = "interface_endpoints must not have s3 in it: there is a gateway endpoint for it, which is free."
  }
}

variable "flow_logs" {
  description = "What is logged of the traffic, and for how many days; null for nothing. REJECT is what security groups refused: it costs little and shows who knocks."
  type = object({
    traffic        = optional(string, "REJECT")
    retention_days = optional(number, 30)
  })
  default = {}

  validation {
    condition     = var.flow_logs == null ? true : contains(["ACCEPT", "REJECT", "ALL"], var.flow_logs.traffic)
    error_message = "flow_logs.traffic must be ACCEPT, REJECT or ALL."
  }

  validation {
    condition     = var.flow_logs == null ? true : contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.flow_logs.retention_days)
    error_message = "flow_logs.retention_days must be a number of days that CloudWatch Logs knows, such as 1, 7, 30, 90 or 365."
  }
}

variable "isolated_network_acl" {
  description = "Whether the isolated subnets, where the database is, have a second wall: a network ACL that lets nothing through but Postgres from the subnets of tasks."
  type        = bool
  default     = true
}

variable "kms_key_arn" {
  description = "The customer-managed key that encrypts the flow logs; without one, CloudWatch's own does."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key, like arn:aws:kms:eu-west-1:111122223333:key/…, or null."
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
