mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/tandem-test-backup" }
  }
  mock_resource "aws_backup_vault" {
    defaults = { arn = "arn:aws:backup:eu-central-1:111122223333:backup-vault:tandem-test-snapshots" }
  }
}

mock_provider "aws" {
  alias = "dr"
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000" }
  }
  mock_resource "aws_backup_vault" {
    defaults = { arn = "arn:aws:backup:eu-west-1:111122223333:backup-vault:tandem-test-copies" }
  }
}

variables {
  name         = "tandem-test"
  database_arn = "arn:aws:rds:eu-central-1:111122223333:db:tandem-test"
}

run "backups_are_copied_and_encrypted_there" {
  assert {
    condition = (
      aws_db_instance_automated_backups_replication.this[0].source_db_instance_arn == var.database_arn
      && aws_db_instance_automated_backups_replication.this[0].retention_period == 7
      && aws_db_instance_automated_backups_replication.this[0].kms_key_id == "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
    )
    error_message = "The backups of seven days must be copied, encrypted with the key of the other region."
  }
  assert {
    condition     = aws_kms_key.copies.enable_key_rotation && aws_kms_key.copies.deletion_window_in_days == 30
    error_message = "The key of the copies must be rotated, and recoverable for 30 days."
  }
}

run "snapshots_outlive_whoever_deletes_the_database" {
  assert {
    condition = (
      one(one(aws_backup_plan.this[0].rule).copy_action).destination_vault_arn == "arn:aws:backup:eu-west-1:111122223333:backup-vault:tandem-test-copies"
      && one(one(one(aws_backup_plan.this[0].rule).copy_action).lifecycle).delete_after == 90
      && one(one(aws_backup_plan.this[0].rule).lifecycle).delete_after == 14
    )
    error_message = "A snapshot is kept for 14 days, and its copy in the other region for 90."
  }
  assert {
    condition = alltrue([
      for lock in [aws_backup_vault_lock_configuration.here[0], aws_backup_vault_lock_configuration.copies[0]] : lock.min_retention_days == 7
    ]) && aws_backup_vault_lock_configuration.here[0].backup_vault_name == "tandem-test-snapshots" && aws_backup_vault_lock_configuration.copies[0].backup_vault_name == "tandem-test-copies"
    error_message = "Nobody may delete a snapshot of the last seven days, here or there."
  }
  assert {
    condition     = aws_backup_vault.copies[0].kms_key_arn == aws_kms_key.copies.arn && output.vault_arn == aws_backup_vault.copies[0].arn
    error_message = "The copies must be encrypted with the key of their region."
  }
  assert {
    condition     = aws_backup_selection.database[0].resources == toset([var.database_arn]) && length(aws_cloudwatch_event_rule.failed) == 0
    error_message = "The database and nothing else is copied, and nobody is told who did not ask."
  }
  assert {
    condition     = one(jsondecode(aws_iam_role.backup[0].assume_role_policy).Statement).Condition == { StringEquals = { "aws:SourceAccount" = "111122223333" } }
    error_message = "AWS Backup may use the role for this account only."
  }
}

run "failures_are_told" {
  variables {
    notify    = true
    topic_arn = "arn:aws:sns:eu-central-1:111122223333:tandem-test-ticket"
  }
  assert {
    condition     = aws_cloudwatch_event_target.failed[0].arn == var.topic_arn && startswith(aws_cloudwatch_event_rule.failed[0].name, "tandem-test-")
    error_message = "A snapshot that fails must be told."
  }
}

run "an_environment_that_comes_and_goes_locks_nothing" {
  variables {
    vault = { lock_days = 0 }
  }
  assert {
    condition     = length(aws_backup_vault.copies) == 1 && length(aws_backup_vault_lock_configuration.here) + length(aws_backup_vault_lock_configuration.copies) == 0
    error_message = "There are vaults, and anybody who may can empty them."
  }
}

run "what_costs_can_be_off" {
  variables {
    replicate_backups = false
    vault             = { enabled = false }
  }
  assert {
    condition = (
      length(aws_db_instance_automated_backups_replication.this) == 0 && length(aws_backup_vault.here) == 0 && length(aws_backup_plan.this) == 0
      && output.vault_arn == null && output.automated_backups_arn == null
    )
    error_message = "Nothing is copied then."
  }
}
