locals {
  vaults = var.vault.enabled ? 1 : 0
  locks  = var.vault.enabled && var.vault.lock_days > 0 ? 1 : 0
}

resource "aws_backup_vault" "here" {
  count = local.vaults
  #checkov:skip=CKV_AWS_166:A snapshot is encrypted with the key of the database; the vault's own key is for other kinds of backups.

  name = "${var.name}-snapshots"
}

resource "aws_backup_vault" "copies" {
  count    = local.vaults
  provider = aws.dr

  name        = "${var.name}-copies"
  kms_key_arn = aws_kms_key.copies.arn
}

# Whoever takes over the account, or means well, can't delete what is younger. Administrators can take the lock away first,
# which is told by CloudTrail; a lock that nobody can take away would also bind us.
resource "aws_backup_vault_lock_configuration" "here" {
  count = local.locks

  backup_vault_name  = aws_backup_vault.here[0].name
  min_retention_days = var.vault.lock_days
}

resource "aws_backup_vault_lock_configuration" "copies" {
  count    = local.locks
  provider = aws.dr

  backup_vault_name  = aws_backup_vault.copies[0].name
  min_retention_days = var.vault.lock_days
}

resource "aws_backup_plan" "this" {
  count = local.vaults

  name = "${var.name}-snapshots"

  rule {
    rule_name         = "snapshot-and-copy"
    target_vault_name = aws_backup_vault.here[0].name
    schedule          = var.vault.schedule
    # Minutes: to begin, and to end.
    start_window      = 60
    completion_window = 360

    lifecycle {
      delete_after = var.vault.keep_days
    }

    copy_action {
      destination_vault_arn = aws_backup_vault.copies[0].arn

      lifecycle {
        delete_after = var.vault.copy_days
      }
    }
  }
}

resource "aws_backup_selection" "database" {
  count = local.vaults

  name         = "${var.name}-database"
  plan_id      = aws_backup_plan.this[0].id
  iam_role_arn = aws_iam_role.backup[0].arn
  resources    = [var.database_arn]
}

resource "aws_iam_role" "backup" {
  count = local.vaults

  name                 = "${var.name}-backup"
  description          = "Lets AWS Backup make snapshots of the database and copy them"
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "backup.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "backup" {
  count = local.vaults

  role = aws_iam_role.backup[0].name
  # It is wider than one database, and it is what AWS keeps working when the service changes; the selection names the database.
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup"
}

# A backup that fails without a word is none.
resource "aws_cloudwatch_event_rule" "failed" {
  count = var.vault.enabled && var.notify ? 1 : 0

  name        = "${var.name}-backup-failed"
  description = "Runbook: ${var.runbook_base}/backup-failed.md"
  event_pattern = jsonencode({
    source      = ["aws.backup"]
    detail-type = ["Backup Job State Change", "Copy Job State Change"]
    detail      = { state = ["ABORTED", "EXPIRED", "FAILED"] }
  })
}

resource "aws_cloudwatch_event_target" "failed" {
  count = var.vault.enabled && var.notify ? 1 : 0

  rule = aws_cloudwatch_event_rule.failed[0].name
  arn  = var.topic_arn
}
