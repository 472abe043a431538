# Judges tokens as STS does: all conditions of a statement must hold, and StringEquals holds where the claim is one of the
# values. A claim that is absent equals nothing. Other operators are not known here, and let nobody in.

variable "trust_policies" {
  type = map(string)
}

variable "tokens" {
  type = map(object({
    claims   = map(string)
    accepted = list(string)
  }))
}

locals {
  verdicts = {
    for token, given in var.tokens : token => sort([
      for role, policy in var.trust_policies : role if anytrue([
        for statement in jsondecode(policy).Statement :
        statement.Effect == "Allow" && statement.Action == "sts:AssumeRoleWithWebIdentity"
        && keys(statement.Condition) == ["StringEquals"]
        && alltrue([
          for key, value in statement.Condition.StringEquals :
          contains(flatten([value]), lookup(given.claims, trimprefix(key, "token.actions.githubusercontent.com:"), "\n"))
        ])
      ])
    ])
  }
}

output "wrong" {
  value = [
    for token, given in var.tokens : "${token}: expected ${jsonencode(sort(given.accepted))}, is ${jsonencode(local.verdicts[token])}"
    if local.verdicts[token] != sort(given.accepted)
  ]
}

output "accepted" {
  value = length([for token, roles in local.verdicts : token if length(roles) > 0])
}

output "refused" {
  value = length([for token, roles in local.verdicts : token if length(roles) == 0])
}
