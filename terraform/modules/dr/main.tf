# Copies in another region, for when this one is lost. They come by two ways that fail differently: the database's own
# backups, copied as they are made, and snapshots in vaults that nobody can empty.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
}

# A key belongs to a region, so the copies need one of their own.
resource "aws_kms_key" "copies" {
  provider = aws.dr

  description             = "Copies of ${var.name} from another region"
  enable_key_rotation     = true
  deletion_window_in_days = var.kms_deletion_days

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      # The account decides by IAM who uses and administers the key, as for every key that it makes.
      Sid       = "Account"
      Effect    = "Allow"
      Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_kms_alias" "copies" {
  provider = aws.dr

  name          = "alias/${var.name}-copies"
  target_key_id = aws_kms_key.copies.key_id
}

resource "aws_db_instance_automated_backups_replication" "this" {
  count    = var.replicate_backups ? 1 : 0
  provider = aws.dr

  source_db_instance_arn = var.database_arn
  kms_key_id             = aws_kms_key.copies.arn
  retention_period       = var.backup_days
}
