data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

resource "aws_ecr_repository" "this" {
  #checkov:skip=CKV_AWS_136:The images have no secrets in them; whoever must hold the key sets kms_key_arn, others save a dollar a month.
  for_each = var.names

  name                 = each.key
  image_tag_mutability = var.immutable ? "IMMUTABLE" : "MUTABLE"
  force_delete         = var.force_delete

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = var.kms_key_arn == null ? "AES256" : "KMS"
    kms_key         = var.kms_key_arn
  }
}

locals {
  # A rule that matches an image protects it from all rules below, also when it does not expire it. So a candidate that
  # became a release counts as a release, whatever other tags it has.
  lifecycle_policy = jsonencode({
    rules = concat(
      [{
        rulePriority = 1
        description  = "Keep the last ${var.keep_releases} releases."
        selection = {
          tagStatus     = "tagged"
          tagPrefixList = ["v"]
          countType     = "imageCountMoreThan"
          countNumber   = var.keep_releases
        }
        action = { type = "expire" }
      }],
      # One rule for each prefix: an image matches a list of prefixes only if it has a tag for every one of them.
      [for index, prefix in ["rc-", "tree-", "pr-"] : {
        rulePriority = 2 + index
        description  = "Delete what was not released (${prefix}) after ${var.keep_candidates_days} days."
        selection = {
          tagStatus     = "tagged"
          tagPrefixList = [prefix]
          countType     = "sinceImagePushed"
          countUnit     = "days"
          countNumber   = var.keep_candidates_days
        }
        action = { type = "expire" }
      }],
      [{
        rulePriority = 5
        description  = "Delete what has no tag after ${var.keep_untagged_days} days."
        selection = {
          tagStatus   = "untagged"
          countType   = "sinceImagePushed"
          countUnit   = "days"
          countNumber = var.keep_untagged_days
        }
        action = { type = "expire" }
      }],
    )
  })

  # Within the account, identities' own policies decide; this only lets other accounts in, and only to read.
  pull_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "PullFromOtherAccounts"
      Effect    = "Allow"
      Principal = { AWS = [for id in sort(var.pull_account_ids) : "arn:${data.aws_partition.current.partition}:iam::${id}:root"] }
      Action = [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:DescribeImageScanFindings",
        "ecr:DescribeImages",
        "ecr:GetDownloadUrlForLayer",
      ]
    }]
  })
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each   = aws_ecr_repository.this
  repository = each.value.name
  policy     = local.lifecycle_policy
}

resource "aws_ecr_repository_policy" "pull" {
  for_each   = length(var.pull_account_ids) > 0 ? aws_ecr_repository.this : {}
  repository = each.value.name
  policy     = local.pull_policy
}

resource "aws_ecr_registry_scanning_configuration" "enhanced" {
  count     = var.scan == "enhanced" ? 1 : 0
  scan_type = "ENHANCED"

  dynamic "rule" {
    for_each = toset(["SCAN_ON_PUSH", "CONTINUOUS_SCAN"])

    content {
      scan_frequency = rule.key

      dynamic "repository_filter" {
        for_each = var.names

        content {
          filter      = repository_filter.key
          filter_type = "WILDCARD"
        }
      }
    }
  }
}
