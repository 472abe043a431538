# Copies of the images in the second region. ECR copies images and none of their repositories' settings, so these are made here:
# an account that pulls images must be let in there as well, on the day on which the first region is lost.

resource "aws_ecr_repository" "copy" {
  #checkov:skip=CKV_AWS_136:The images have no secrets in them; a key belongs to a region, so kms_key_arn is none for copies.
  for_each = var.replication_region == null ? [] : var.names
  provider = aws.dr

  name                 = each.key
  image_tag_mutability = var.immutable ? "IMMUTABLE" : "MUTABLE"
  force_delete         = var.force_delete

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "AES256"
  }
}

resource "aws_ecr_lifecycle_policy" "copy" {
  for_each = aws_ecr_repository.copy
  provider = aws.dr

  repository = each.value.name
  policy     = local.lifecycle_policy
}

resource "aws_ecr_repository_policy" "copy" {
  for_each = length(var.pull_account_ids) > 0 ? aws_ecr_repository.copy : {}
  provider = aws.dr

  repository = each.value.name
  policy     = local.pull_policy
}

resource "aws_ecr_replication_configuration" "dr" {
  count = var.replication_region == null ? 0 : 1

  replication_configuration {
    rule {
      destination {
        region      = var.replication_region
        registry_id = data.aws_caller_identity.current.account_id
      }

      dynamic "repository_filter" {
        for_each = var.names

        content {
          filter      = repository_filter.key
          filter_type = "PREFIX_MATCH"
        }
      }
    }
  }

  # Replication would make them itself, without a policy, a lifecycle or tags that stay.
  depends_on = [aws_ecr_repository.copy]
}
