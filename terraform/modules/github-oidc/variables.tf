variable "name" {
  description = "Prefix of the roles, and of everything that they may touch, such as tandem-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "The name must have 3 to 32 characters of a-z, 0-9 and hyphens, start with a letter and not end with a hyphen."
  }
}

variable "owner" {
  description = "The organisation or person that owns the repository on GitHub."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9-]{0,38}$", var.owner))
    error_message = "The owner must be a name on GitHub, without the repository."
  }
}

variable "owner_id" {
  description = "The owner's number, from https://api.github.com/users/<owner>. It stays when the name is given to somebody else."
  type        = number

  validation {
    condition     = var.owner_id > 0 && floor(var.owner_id) == var.owner_id
    error_message = "The owner's id must be a whole number, as https://api.github.com/users/<owner> tells it."
  }
}

variable "repo" {
  description = "The repository's name on GitHub, without the owner."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]{1,100}$", var.repo))
    error_message = "The repository must be a name on GitHub, without the owner."
  }
}

variable "repo_id" {
  description = "The repository's number, from https://api.github.com/repos/<owner>/<repo>."
  type        = number

  validation {
    condition     = var.repo_id > 0 && floor(var.repo_id) == var.repo_id
    error_message = "The repository's id must be a whole number, as https://api.github.com/repos/<owner>/<repo> tells it."
  }
}

variable "immutable_sub" {
  description = "Whether GitHub writes the ids into the subject, owner@id/repo@id. It does so for repositories made since 15 July 2026, and for those that asked for it."
  type        = bool
  default     = true
}

variable "create_provider" {
  description = "Whether to make GitHub's identity provider. An account can have one only."
  type        = bool
  default     = true
}

variable "provider_arn" {
  description = "The identity provider of GitHub that the account has already, where none is made."
  type        = string
  default     = null

  validation {
    condition     = var.provider_arn == null || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.provider_arn))
    error_message = "The provider must be the ARN of an identity provider for token.actions.githubusercontent.com."
  }

  validation {
    condition     = var.create_provider == (var.provider_arn == null)
    error_message = "There must be either a provider that is made or the ARN of one that exists."
  }
}

variable "roles" {
  description = <<-EOT
    The roles by name. `permissions` is one of build, promote, deploy, plan, apply. `workflow` is the file of the workflow, and
    `workflow_ref` the branch that it must come from, if that is another one than `ref`. A job is let in by its GitHub
    `environment` and `ref` together, by its `ref` alone, or by being of a pull request (`pull_requests`): to plan, or where
    unreviewed code may run also to build and, in an `environment`, to deploy.
  EOT
  type = map(object({
    permissions   = string
    workflow      = optional(string)
    workflow_ref  = optional(string)
    environment   = optional(string)
    ref           = optional(string)
    pull_requests = optional(bool, false)
  }))

  validation {
    condition     = alltrue([for name in keys(var.roles) : can(regex("^[a-z][a-z0-9-]{1,20}$", name))])
    error_message = "Each role must have a name of 2 to 21 characters of a-z, 0-9 and hyphens."
  }

  validation {
    condition     = alltrue([for role in values(var.roles) : contains(["build", "promote", "deploy", "plan", "apply"], role.permissions)])
    error_message = "The permissions of a role must be build, promote, deploy, plan or apply."
  }

  validation {
    condition     = alltrue([for role in values(var.roles) : role.pull_requests ? contains(["build", "deploy", "plan"], role.permissions) && role.ref == null && role.workflow == null : true])
    error_message = "A role for pull requests must plan, build or deploy, and have no ref and no workflow, because their code is unreviewed."
  }

  validation {
    condition     = alltrue([for role in values(var.roles) : role.pull_requests && role.permissions != "deploy" ? role.environment == null : true])
    error_message = "A role for pull requests that does not deploy must have no environment."
  }

  validation {
    condition     = alltrue([for role in values(var.roles) : role.pull_requests ? true : role.ref != null && role.workflow != null])
    error_message = "A role that is not for pull requests must have a ref and a workflow."
  }

  validation {
    condition     = alltrue([for role in values(var.roles) : contains(["deploy", "apply"], role.permissions) ? role.environment != null : true])
    error_message = "A role that deploys or applies must have a GitHub environment, which can ask for a review."
  }

  validation {
    condition     = alltrue(flatten([for role in values(var.roles) : [for ref in [role.ref, role.workflow_ref] : can(regex("^refs/(heads|tags)/[A-Za-z0-9._/-]+$", ref)) if ref != null]]))
    error_message = "Each ref must be a whole one without wildcards, such as refs/heads/main."
  }

  validation {
    condition     = alltrue([for role in values(var.roles) : role.workflow == null ? true : can(regex("^\\.github/workflows/[A-Za-z0-9_-]+\\.ya?ml$", role.workflow))])
    error_message = "Each workflow must be a file such as .github/workflows/deploy.yml."
  }

  validation {
    condition     = alltrue([for role in values(var.roles) : role.environment == null ? true : can(regex("^[A-Za-z0-9_-]+$", role.environment))])
    error_message = "Each environment must be the name of one on GitHub, of letters, digits, hyphens and underscores."
  }
}

variable "regions" {
  description = "The regions that the roles work in: the environment's, and the one with its copies."
  type        = list(string)

  validation {
    condition     = length(var.regions) > 0 && alltrue([for region in var.regions : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", region))])
    error_message = "There must be at least one region, each such as eu-central-1."
  }
}

variable "ecr_repository_arns" {
  description = "The repositories of images that the build may write and the deployment read."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.ecr_repository_arns : can(regex("^arn:aws[a-z-]*:ecr:[a-z0-9-]+:[0-9]{12}:repository/[a-z0-9/_.-]+$", arn))])
    error_message = "Each repository of images must be the ARN of one in ECR, without wildcards."
  }

  validation {
    condition     = length(var.ecr_repository_arns) > 0 || !anytrue([for role in values(var.roles) : contains(["build", "promote"], role.permissions)])
    error_message = "A role that builds or promotes must have at least one repository of images to write to."
  }
}

variable "state" {
  description = "Where the environment's state is: `bucket_arn`, its `key` in it, and the `kms_key_arn` that it is encrypted with. Needed by roles that plan or apply."
  type = object({
    bucket_arn  = string
    key         = string
    kms_key_arn = optional(string)
  })
  default = null

  validation {
    condition     = var.state == null ? true : can(regex("^arn:aws[a-z-]*:s3:::[a-z0-9.-]+$", var.state.bucket_arn)) && can(regex("^[a-z0-9/_.-]+\\.tfstate$", var.state.key))
    error_message = "The state must have the ARN of a bucket and a key that ends in .tfstate."
  }

  validation {
    condition     = var.state != null || !anytrue([for role in values(var.roles) : contains(["plan", "apply"], role.permissions)])
    error_message = "A role that plans or applies must be told where the state is."
  }
}

variable "deployment" {
  description = <<-EOT
    What a deployment touches, where names are not the usual ones: the `cluster`, the `services` in it, the `migrate_family`
    of the task that migrates, the `codedeploy` application and deployment group, and the `pass_roles` that tasks run as; and
    whether the api is exchanged by a `canary` of CodeDeploy at all.
  EOT
  type = object({
    canary         = optional(bool, true)
    cluster        = optional(string)
    services       = optional(list(string))
    migrate_family = optional(string)
    codedeploy     = optional(string)
    pass_roles     = optional(list(string))
  })
  default = {}

  validation {
    condition = alltrue([
      for name in flatten([for part in [var.deployment.services, var.deployment.pass_roles] : part if part != null]) : can(regex("^[A-Za-z0-9_-]+$", name))
    ])
    error_message = "The services and roles of a deployment must be names without wildcards."
  }
}

variable "owned_tags" {
  description = "The tags that everything of the environment has, and nothing else in the account. Networks, keys and others that have ids and no names are known by them. Needed by roles that deploy or apply."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(var.owned_tags) > 0 || !anytrue([for role in values(var.roles) : contains(["deploy", "apply"], role.permissions)])
    error_message = "A role that deploys or applies must be told the tags of what is the environment's: a condition without any holds for everything."
  }

  validation {
    condition     = alltrue([for key, value in var.owned_tags : can(regex("^[A-Za-z0-9_-]+$", key)) && can(regex("^[A-Za-z0-9_-]+$", value))])
    error_message = "Each of the environment's tags must be of letters, digits, hyphens and underscores, without wildcards."
  }
}

variable "hosted_zone_ids" {
  description = "The zones in Route 53 whose records the role that applies may change."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.hosted_zone_ids : can(regex("^Z[A-Z0-9]+$", id))])
    error_message = "Each hosted zone must be an id, such as Z0123456789ABC."
  }
}
