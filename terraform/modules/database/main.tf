# The truth: one instance of PostgreSQL, with a standby in another zone where that is worth its price.

locals {
  port           = 5432
  major_version  = split(".", var.engine_version)[0]
  has_insights   = var.insights_mode != "off"
  insights_days  = var.insights_mode == "advanced" ? 465 : 7
  has_monitoring = var.enhanced_monitoring_seconds > 0
  log_exports    = ["postgresql", "upgrade"]
}

resource "aws_db_subnet_group" "this" {
  name        = var.identifier
  description = "Subnets without a route to the internet"
  subnet_ids  = var.subnet_ids
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_157:The standby is a switch, because it doubles the price; production has it.
  #checkov:skip=CKV_AWS_293:Deletion protection is a switch that is on unless somebody turns it off.

  identifier                  = var.identifier
  engine                      = "postgres"
  engine_version              = var.engine_version
  allow_major_version_upgrade = var.allow_major_version_upgrade
  auto_minor_version_upgrade  = true
  instance_class              = var.instance_class
  parameter_group_name        = aws_db_parameter_group.this.name
  apply_immediately           = var.apply_immediately

  db_name                             = var.restore == null ? var.db_name : null
  username                            = var.restore == null ? var.master_username : null
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = var.kms_key_arn
  iam_database_authentication_enabled = var.iam_auth

  storage_type          = "gp3"
  allocated_storage     = var.storage.gb
  max_allocated_storage = var.storage.max_gb
  iops                  = var.storage.iops
  storage_throughput    = var.storage.throughput
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  multi_az               = var.multi_az
  port                   = local.port
  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.this.id]
  publicly_accessible    = false
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  backup_retention_period   = var.backup_days
  backup_window             = var.backup_window
  maintenance_window        = var.maintenance_window
  copy_tags_to_snapshot     = true
  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = !var.final_snapshot
  final_snapshot_identifier = var.final_snapshot ? "${var.identifier}-final" : null
  delete_automated_backups  = !var.final_snapshot

  performance_insights_enabled          = local.has_insights
  performance_insights_retention_period = local.has_insights ? local.insights_days : null
  performance_insights_kms_key_id       = local.has_insights ? var.kms_key_arn : null
  database_insights_mode                = local.has_insights ? var.insights_mode : null
  monitoring_interval                   = var.enhanced_monitoring_seconds
  monitoring_role_arn                   = local.has_monitoring ? aws_iam_role.monitoring[0].arn : null
  enabled_cloudwatch_logs_exports       = local.log_exports

  dynamic "restore_to_point_in_time" {
    for_each = var.restore[*]
    content {
      source_db_instance_identifier            = restore_to_point_in_time.value.source_identifier
      source_dbi_resource_id                   = restore_to_point_in_time.value.source_resource_id
      source_db_instance_automated_backups_arn = restore_to_point_in_time.value.automated_backups_arn
      restore_time                             = restore_to_point_in_time.value.time
      use_latest_restorable_time               = restore_to_point_in_time.value.time == null ? true : null
    }
  }

  # RDS would make the log groups itself when it writes the first line, and would keep them for ever.
  depends_on = [aws_cloudwatch_log_group.this]

  lifecycle {
    # Where an instance came from is history. Without this, forgetting the variable would replace the database.
    ignore_changes = [restore_to_point_in_time]
  }
}

resource "aws_db_instance" "replica" {
  for_each = var.replicas
  #checkov:skip=CKV_AWS_157:A replica is not what the services need to live; it has no standby.
  #checkov:skip=CKV_AWS_293:A replica can be made anew at any time.
  #checkov:skip=CKV_AWS_133:Backups are those of the source.

  identifier                 = "${var.identifier}-${each.key}"
  replicate_source_db        = aws_db_instance.this.identifier
  instance_class             = coalesce(each.value.instance_class, var.instance_class)
  availability_zone          = each.value.availability_zone
  parameter_group_name       = aws_db_parameter_group.this.name
  auto_minor_version_upgrade = true
  apply_immediately          = var.apply_immediately

  storage_type          = "gp3"
  max_allocated_storage = var.storage.max_gb
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  vpc_security_group_ids              = [aws_security_group.this.id]
  publicly_accessible                 = false
  ca_cert_identifier                  = "rds-ca-rsa2048-g1"
  iam_database_authentication_enabled = var.iam_auth
  maintenance_window                  = var.maintenance_window
  copy_tags_to_snapshot               = true
  skip_final_snapshot                 = true

  performance_insights_enabled          = local.has_insights
  performance_insights_retention_period = local.has_insights ? local.insights_days : null
  performance_insights_kms_key_id       = local.has_insights ? var.kms_key_arn : null
  database_insights_mode                = local.has_insights ? var.insights_mode : null
  monitoring_interval                   = var.enhanced_monitoring_seconds
  monitoring_role_arn                   = local.has_monitoring ? aws_iam_role.monitoring[0].arn : null
  enabled_cloudwatch_logs_exports       = local.log_exports

  depends_on = [aws_cloudwatch_log_group.this]
}
