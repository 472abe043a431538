variable "project" {
  description = "First part of all names: the environment prod is called <project>-prod."
  type        = string
  default     = "tandem"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,15}$", var.project))
    error_message = "The project must have 2 to 16 characters of a-z and 0-9 and start with a letter."
  }
}

variable "region" {
  description = "The region of the account's environments and of their state."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "The region must be one of AWS, such as eu-central-1."
  }
}

variable "dr_region" {
  description = "The region that keeps copies, if any."
  type        = string
  default     = null

  validation {
    condition     = var.dr_region == null ? true : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.dr_region)) && var.dr_region != var.region
    error_message = "The region of the copies must be one of AWS, and another one than the environments'."
  }
}

variable "repository" {
  description = "The repository on GitHub: `owner` and `name`, and their numbers, `owner_id` and `id`, as https://api.github.com/repos/<owner>/<name> tells them. `immutable_sub` is false for repositories made before 15 July 2026 that did not ask for ids in their subject."
  type = object({
    owner         = string
    owner_id      = number
    name          = string
    id            = number
    immutable_sub = optional(bool, true)
  })

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9-]{0,38}$", var.repository.owner)) && can(regex("^[A-Za-z0-9._-]{1,100}$", var.repository.name))
    error_message = "The repository must have an owner and a name, each as GitHub has it and without a slash."
  }

  validation {
    condition     = var.repository.owner_id > 0 && var.repository.id > 0
    error_message = "The repository must have its owner's number and its own."
  }
}

variable "environments" {
  description = <<-EOT
    The environments of this account by name: which `github_environment` and `ref` may deploy and apply, whether pull requests
    may plan (`plan_on_pull_requests`), whether they are built for it and deployed to it (`unreviewed`; then nobody on GitHub may
    apply), and in which hosted zones records may be changed (`hosted_zone_ids`).
  EOT
  type = map(object({
    github_environment    = string
    ref                   = string
    plan_on_pull_requests = optional(bool, false)
    unreviewed            = optional(bool, false)
    hosted_zone_ids       = optional(list(string), [])
  }))

  validation {
    condition     = length(var.environments) >= 1 && alltrue([for name in keys(var.environments) : can(regex("^[a-z0-9]{2,10}$", name))])
    error_message = "There must be at least one environment, each with a name of 2 to 10 characters of a-z and 0-9."
  }

  validation {
    condition = alltrue(flatten([
      for name in keys(var.environments) : [for other in keys(var.environments) : name == other || !startswith(other, name)]
    ]))
    error_message = "No environment's name may begin with another's, because what a role may touch is told by how its name begins."
  }

  validation {
    condition     = length(distinct([for environment in values(var.environments) : environment.github_environment])) == length(var.environments)
    error_message = "Each environment must have a GitHub environment of its own, or a token for one would open the others."
  }

  validation {
    condition = alltrue([
      for name, environment in var.environments : environment.unreviewed ? !can(regex("prod|stag|live", "${name} ${environment.github_environment}")) : true
    ])
    error_message = "Code of pull requests must not run in production or staging: unreviewed is for an environment that nobody would miss."
  }
}

variable "build" {
  description = "Which branch's workflow builds images and pushes them to the repositories <prefix>/api and <prefix>/worker of this account, if any does."
  type = object({
    ref      = optional(string, "refs/heads/develop")
    workflow = optional(string, ".github/workflows/publish.yml")
    prefix   = optional(string, "tandem")
  })
  default = {}

  validation {
    condition     = var.build == null ? true : can(regex("^[a-z0-9]+([._-][a-z0-9]+)*$", var.build.prefix))
    error_message = "The prefix of the images must be of a-z and 0-9 with single separators."
  }
}

variable "registry" {
  description = "The registry of the account that builds, where this one only runs what is built there; null where images are in this account."
  type        = string
  default     = null

  validation {
    condition     = var.registry == null ? true : can(regex("^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com(\\.cn)?$", var.registry))
    error_message = "The registry must be one of ECR, like 111122223333.dkr.ecr.eu-west-1.amazonaws.com."
  }

  validation {
    condition     = var.registry == null || var.build == null
    error_message = "The registry is for an account that builds nothing: build must be null there."
  }
}

variable "promote" {
  description = "Which branch's workflow finds the images of a release and gives them its tag, if any does."
  type = object({
    ref      = optional(string, "refs/heads/main")
    workflow = optional(string, ".github/workflows/promote.yml")
  })
  default = {}
}

variable "drift" {
  description = "Which branch's workflow compares all environments with what is described, if any does: the default branch, where schedules run."
  type = object({
    ref      = optional(string, "refs/heads/develop")
    workflow = optional(string, ".github/workflows/nightly.yml")
  })
  default = {}
}

variable "deploy_workflow" {
  description = "The workflow that deploys and applies, as the environment's branch has it."
  type        = string
  default     = ".github/workflows/deploy.yml"

  validation {
    condition     = can(regex("^\\.github/workflows/[A-Za-z0-9_-]+\\.ya?ml$", var.deploy_workflow))
    error_message = "The workflow must be a file such as .github/workflows/deploy.yml."
  }
}

variable "state_history_days" {
  description = "For how many days older versions of a state are kept; the ten newest stay longer."
  type        = number
  default     = 90

  validation {
    condition     = var.state_history_days >= 30 && var.state_history_days <= 3650
    error_message = "Older versions of a state must be kept for 30 to 3650 days."
  }
}

variable "s3_use_path_style" {
  description = "Whether buckets are addressed by path and not by host name, as servers want it that speak S3 and are not AWS."
  type        = bool
  default     = false
}

variable "tags" {
  description = "More tags for everything, such as Owner and CostCenter."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.tags) : length(key) >= 1 && length(key) <= 128 && !startswith(lower(key), "aws:")])
    error_message = "Each tag must have a key of 1 to 128 characters that does not begin with aws:."
  }
}
