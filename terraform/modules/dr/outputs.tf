output "vault_arn" {
  description = "ARN of the vault in the other region. Null when there are no vaults."
  value       = one(aws_backup_vault.copies[*].arn)
}

output "kms_key_arn" {
  description = "ARN of the key in the other region, for other copies that are kept there."
  value       = aws_kms_key.copies.arn
}

output "automated_backups_arn" {
  description = "ARN of the copied backups, for `restore.automated_backups_arn` of the module database in the other region. Null when they are not copied."
  value       = one(aws_db_instance_automated_backups_replication.this[*].id)
}
