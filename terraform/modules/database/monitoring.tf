locals {
  instances = concat([var.identifier], [for name in keys(var.replicas) : "${var.identifier}-${name}"])
  log_groups = merge([
    for instance in local.instances : {
      for log in local.log_exports : "${instance}/${log}" => "/aws/rds/instance/${instance}/${log}"
    }
  ]...)

  # One entry per alarm; `breaches` is whether more or less than the threshold is bad.
  alarm_specs = {
    cpu = {
      metric  = "CPUUtilization", statistic = "Average", breaches = "more", threshold = var.alarms.cpu_percent
      minutes = 15, runbook = "database-load"
      says    = "The database has computed at its limit for a quarter of an hour."
    }
    credits = {
      metric  = "CPUCreditBalance", statistic = "Minimum", breaches = "less", threshold = var.alarms.credits
      minutes = 10, runbook = "database-load"
      says    = "The database has nearly used up its CPU credits, and will be slow or cost more."
    }
    connections = {
      metric  = "DatabaseConnections", statistic = "Maximum", breaches = "more", threshold = var.alarms.connections
      minutes = 5, runbook = "database-load"
      says    = "Connections to the database are about to run out."
    }
    memory = {
      metric  = "FreeableMemory", statistic = "Minimum", breaches = "less", threshold = var.alarms.free_memory_mb * 1024 * 1024
      minutes = 10, runbook = "database-load"
      says    = "The database is short of memory."
    }
    storage = {
      metric  = "FreeStorageSpace", statistic = "Minimum", breaches = "less", threshold = var.alarms.free_storage_gb * 1024 * 1024 * 1024
      minutes = 5, runbook = "database-storage"
      says    = "The database's volume is nearly full. A full one stops every submit."
    }
    wraparound = {
      metric  = "MaximumUsedTransactionIDs", statistic = "Maximum", breaches = "more", threshold = 1000000000
      minutes = 60, runbook = "database-wraparound"
      says    = "Old transaction ids are not cleaned up. At two thousand million the database stops."
    }
  }
  # Only burstable classes have credits.
  wanted_alarms = var.alarms.enabled ? {
    for name, spec in local.alarm_specs : name => spec if name != "credits" || startswith(var.instance_class, "db.t")
  } : {}
}

data "aws_partition" "current" {}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts with its own key unless log_kms_key_arn names another.
  #checkov:skip=CKV_AWS_338:A year of logs is a price that the environment decides about.
  for_each = local.log_groups

  name              = each.value
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_kms_key_arn
}

resource "aws_iam_role" "monitoring" {
  count = local.has_monitoring ? 1 : 0

  name                 = "${var.identifier}-database-monitoring"
  description          = "Lets RDS write what it measures of the operating system to CloudWatch Logs"
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "monitoring.rds.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  count = local.has_monitoring ? 1 : 0

  role = aws_iam_role.monitoring[0].name
  # AWS asks for this very policy; it allows writing to the log group RDSOSMetrics and nothing else.
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.wanted_alarms

  alarm_name        = "${var.identifier}-database-${each.key}"
  alarm_description = "${each.value.says} Runbook: ${var.runbook_base}/${each.value.runbook}.md"

  namespace           = "AWS/RDS"
  metric_name         = each.value.metric
  dimensions          = { DBInstanceIdentifier = aws_db_instance.this.identifier }
  statistic           = each.value.statistic
  period              = 300
  evaluation_periods  = max(1, each.value.minutes / 5)
  comparison_operator = each.value.breaches == "more" ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = each.value.threshold
  # A database that tells nothing is stopped, restarting or gone; readiness and the api's alarms say so sooner.
  treat_missing_data = "missing"

  alarm_actions = var.alarms.topic_arns
  ok_actions    = var.alarms.topic_arns
}

resource "aws_cloudwatch_metric_alarm" "replica_lag" {
  for_each = var.alarms.enabled ? var.replicas : {}

  alarm_name        = "${var.identifier}-${each.key}-replica-lag"
  alarm_description = "A replica is behind. It shows old data, and keeps the source's write-ahead log from being deleted. Runbook: ${var.runbook_base}/replica-lag.md"

  namespace           = "AWS/RDS"
  metric_name         = "ReplicaLag"
  dimensions          = { DBInstanceIdentifier = aws_db_instance.replica[each.key].identifier }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.replica_lag_seconds
  treat_missing_data  = "breaching"

  alarm_actions = var.alarms.topic_arns
  ok_actions    = var.alarms.topic_arns
}
