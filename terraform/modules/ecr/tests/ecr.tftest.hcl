mock_provider "aws" {
  override_during = plan

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

mock_provider "aws" {
  alias           = "dr"
  override_during = plan
}

variables {
  names = ["tandem/api", "tandem/worker"]
}

run "images_can_not_be_exchanged_and_are_scanned" {
  command = plan

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.image_tag_mutability == "IMMUTABLE"])
    error_message = "A tag must stay with its image."
  }
  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.image_scanning_configuration[0].scan_on_push])
    error_message = "Each image must be scanned when it is pushed."
  }
  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : !repository.force_delete])
    error_message = "A repository with images in it must not be deleted by accident."
  }
  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.encryption_configuration[0].encryption_type == "AES256"])
    error_message = "Images must be encrypted without a key, too."
  }
  assert {
    condition     = length(aws_ecr_repository_policy.pull) == 0 && length(aws_ecr_registry_scanning_configuration.enhanced) == 0 && length(aws_ecr_replication_configuration.dr) == 0
    error_message = "Nobody else may pull, and the registry's own settings stay alone, unless asked for."
  }
}

run "releases_outlive_candidates" {
  command = plan

  assert {
    condition = [
      for rule in jsondecode(aws_ecr_lifecycle_policy.this["tandem/api"].policy).rules :
      [rule.rulePriority, try(rule.selection.tagPrefixList[0], rule.selection.tagStatus), rule.selection.countType, rule.selection.countNumber]
      ] == [
      [1, "v", "imageCountMoreThan", 50],
      [2, "rc-", "sinceImagePushed", 60],
      [3, "tree-", "sinceImagePushed", 60],
      [4, "pr-", "sinceImagePushed", 60],
      [5, "untagged", "sinceImagePushed", 7],
    ]
    error_message = "Releases must be looked at first, so that no later rule deletes one."
  }
}

run "other_accounts_may_pull_and_nothing_else" {
  command = plan

  variables {
    pull_account_ids = ["444455556666"]
  }

  assert {
    condition     = keys(aws_ecr_repository_policy.pull) == ["tandem/api", "tandem/worker"]
    error_message = "Each repository must have the policy."
  }
  assert {
    condition     = jsondecode(aws_ecr_repository_policy.pull["tandem/api"].policy).Statement[0].Principal.AWS == ["arn:aws:iam::444455556666:root"]
    error_message = "Only the accounts that are named may pull."
  }
  assert {
    condition = alltrue([
      for action in jsondecode(aws_ecr_repository_policy.pull["tandem/api"].policy).Statement[0].Action :
      !strcontains(action, "*") && !can(regex("Put|Upload|Delete|Create|Set", action))
    ])
    error_message = "Other accounts must not be able to change anything."
  }
}

run "what_whoever_pays_for_it_gets" {
  command = plan

  variables {
    kms_key_arn        = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
    scan               = "enhanced"
    replication_region = "eu-central-1"
  }

  assert {
    condition     = aws_ecr_repository.this["tandem/api"].encryption_configuration[0].encryption_type == "KMS" && aws_ecr_repository.this["tandem/api"].encryption_configuration[0].kms_key == var.kms_key_arn
    error_message = "The key that was given must encrypt."
  }
  assert {
    condition     = aws_ecr_registry_scanning_configuration.enhanced[0].scan_type == "ENHANCED"
    error_message = "Enhanced scanning is a setting of the registry."
  }
  assert {
    condition     = aws_ecr_replication_configuration.dr[0].replication_configuration[0].rule[0].destination[0].region == "eu-central-1"
    error_message = "Images must be copied to the region that was named."
  }
  assert {
    condition     = toset([for filter in aws_ecr_replication_configuration.dr[0].replication_configuration[0].rule[0].repository_filter : filter.filter]) == var.names
    error_message = "Only our own repositories are copied."
  }
}

run "copies_are_kept_like_what_they_are_copies_of" {
  command = plan

  variables {
    replication_region = "eu-central-1"
    pull_account_ids   = ["444455556666"]
  }

  assert {
    condition = (
      toset(keys(aws_ecr_repository.copy)) == var.names
      && alltrue([for copy in aws_ecr_repository.copy : copy.image_tag_mutability == "IMMUTABLE" && copy.image_scanning_configuration[0].scan_on_push && !copy.force_delete])
    )
    error_message = "Each repository must have its copy, whose tags stay with their images."
  }
  assert {
    condition     = alltrue([for name in var.names : aws_ecr_lifecycle_policy.copy[name].policy == aws_ecr_lifecycle_policy.this[name].policy])
    error_message = "What is deleted here must be deleted there."
  }
  assert {
    condition     = alltrue([for name in var.names : aws_ecr_repository_policy.copy[name].policy == aws_ecr_repository_policy.pull[name].policy])
    error_message = "Who pulls here must be able to pull there."
  }
}

run "nothing_is_copied_unless_asked_for" {
  command = plan

  assert {
    condition     = length(aws_ecr_repository.copy) == 0 && length(aws_ecr_lifecycle_policy.copy) == 0 && length(aws_ecr_repository_policy.copy) == 0
    error_message = "Without a second region there must be no copies."
  }
}
