variable "github" {
  description = "Who on GitHub may do what here, as the module github-oidc has it: the repository by names and numbers, the roles, and where the state of this environment is. Null for nobody."
  type = object({
    owner         = string
    owner_id      = number
    repo          = string
    repo_id       = number
    immutable_sub = optional(bool, true)
    provider_arn  = optional(string)
    roles = map(object({
      permissions   = string
      workflow      = optional(string)
      workflow_ref  = optional(string)
      environment   = optional(string)
      ref           = optional(string)
      pull_requests = optional(bool, false)
    }))
    state = optional(object({
      bucket_arn  = string
      key         = string
      kms_key_arn = optional(string)
    }))
  })
  default = null
}
