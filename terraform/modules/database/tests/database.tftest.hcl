mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_security_group" {
    defaults = { id = "sg-0d0d" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/tandem-test-database-monitoring" }
  }
  override_resource {
    target = aws_db_instance.this
    values = {
      arn         = "arn:aws:rds:eu-central-1:111122223333:db:tandem-test"
      address     = "tandem-test.abc.eu-central-1.rds.amazonaws.com"
      resource_id = "db-ABCDEFGH"
      master_user_secret = [{
        kms_key_id    = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000"
        secret_arn    = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:rds!db-0-AbCdEf"
        secret_status = "active"
      }]
    }
  }
}

variables {
  identifier     = "tandem-test"
  vpc_id         = "vpc-0a1b2c3d"
  subnet_ids     = ["subnet-0a", "subnet-0b"]
  allowed_sg_ids = { api = "sg-0a1b", worker = "sg-0c2d" }
  alarms         = { topic_arns = ["arn:aws:sns:eu-central-1:111122223333:tandem-test-page"] }
}

run "nothing_is_lost_when_nothing_is_set" {
  assert {
    condition     = aws_db_instance.this.multi_az && aws_db_instance.this.backup_retention_period == 7
    error_message = "There must be a standby, and backups of seven days."
  }
  assert {
    condition = (
      aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot
      && aws_db_instance.this.final_snapshot_identifier == "tandem-test-final" && !aws_db_instance.this.delete_automated_backups
    )
    error_message = "The instance must refuse to be deleted, and leave a snapshot and its backups behind."
  }
  assert {
    condition     = aws_db_instance.this.storage_encrypted && aws_db_instance.this.storage_type == "gp3"
    error_message = "The storage must be encrypted."
  }
  assert {
    condition = alltrue([
      for name in ["synchronous_commit", "fsync", "full_page_writes"] : !contains([for p in aws_db_parameter_group.this.parameter : p.name], name)
    ])
    error_message = "Nothing may weaken what a commit means."
  }
}

run "nobody_reaches_it_but_those_who_may" {
  assert {
    condition     = !aws_db_instance.this.publicly_accessible && aws_db_instance.this.vpc_security_group_ids == toset(["sg-0d0d"])
    error_message = "The instance must have no public address, and only its own security group."
  }
  assert {
    condition = {
      for name, rule in aws_vpc_security_group_ingress_rule.client :
      name => [rule.referenced_security_group_id, rule.from_port, rule.to_port, rule.ip_protocol]
      } == {
      api    = ["sg-0a1b", 5432, 5432, "tcp"]
      worker = ["sg-0c2d", 5432, 5432, "tcp"]
    }
    error_message = "Only the named security groups may connect, to the one port."
  }
  assert {
    condition = alltrue([
      for rule in aws_vpc_security_group_ingress_rule.client : rule.cidr_ipv4 == null && rule.cidr_ipv6 == null && rule.prefix_list_id == null
    ])
    error_message = "No address may connect, only who holds a group."
  }
  assert {
    condition     = one([for p in aws_db_parameter_group.this.parameter : p.value if p.name == "rds.force_ssl"]) == "1"
    error_message = "Connections without TLS must be refused."
  }
}

run "passwords_are_nobodys_to_see" {
  assert {
    condition = (
      aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null
      && aws_db_instance.this.iam_database_authentication_enabled
    )
    error_message = "RDS must make the administrator's password; it is not in the state."
  }
  assert {
    condition = {
      for p in aws_db_parameter_group.this.parameter : p.name => p.value
      if contains(["log_statement", "log_parameter_max_length", "log_parameter_max_length_on_error", "password_encryption"], p.name)
    } == { log_statement = "none", log_parameter_max_length = "0", log_parameter_max_length_on_error = "0", password_encryption = "scram-sha-256" }
    error_message = "Logs may hold no values of statements and no statements that set passwords."
  }
  assert {
    condition     = output.master_secret_arn == "arn:aws:secretsmanager:eu-central-1:111122223333:secret:rds!db-0-AbCdEf"
    error_message = "Where the administrator's password is must be told."
  }
}

run "parameters_that_need_a_restart_wait_for_one" {
  variables {
    parameters = { max_connections = "200", work_mem = "16384", log_min_duration_statement = "250" }
  }
  assert {
    condition = {
      for p in aws_db_parameter_group.this.parameter : p.name => "${p.value} ${p.apply_method}"
      if contains(["max_connections", "work_mem", "log_min_duration_statement", "shared_preload_libraries"], p.name)
      } == {
      max_connections            = "200 pending-reboot"
      work_mem                   = "16384 immediate"
      log_min_duration_statement = "250 immediate"
      shared_preload_libraries   = "pg_stat_statements pending-reboot"
    }
    error_message = "Ours and theirs are merged; static ones are applied by a restart."
  }
  assert {
    condition     = aws_db_parameter_group.this.family == "postgres17" && aws_db_parameter_group.this.name == "tandem-test-pg17"
    error_message = "The group belongs to the major version."
  }
}

run "what_happens_is_watched" {
  assert {
    condition = (
      aws_db_instance.this.performance_insights_enabled && aws_db_instance.this.performance_insights_retention_period == 7
      && aws_db_instance.this.database_insights_mode == "standard" && aws_db_instance.this.monitoring_interval == 60
      && aws_db_instance.this.enabled_cloudwatch_logs_exports == toset(["postgresql", "upgrade"])
    )
    error_message = "Insights, the operating system and the logs must be watched."
  }
  assert {
    condition = {
      for name, group in aws_cloudwatch_log_group.this : group.name => group.retention_in_days
    } == { "/aws/rds/instance/tandem-test/postgresql" = 30, "/aws/rds/instance/tandem-test/upgrade" = 30 }
    error_message = "Each log has a retention."
  }
  assert {
    condition = {
      for name, alarm in aws_cloudwatch_metric_alarm.this : name => "${alarm.metric_name} ${alarm.comparison_operator} ${alarm.threshold}"
      } == {
      cpu         = "CPUUtilization GreaterThanThreshold 80"
      credits     = "CPUCreditBalance LessThanThreshold 50"
      connections = "DatabaseConnections GreaterThanThreshold 150"
      memory      = "FreeableMemory LessThanThreshold 104857600"
      storage     = "FreeStorageSpace LessThanThreshold 5368709120"
      wraparound  = "MaximumUsedTransactionIDs GreaterThanThreshold 1000000000"
    }
    error_message = "The alarms must be those of the table."
  }
  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.this :
      alarm.alarm_actions == toset(var.alarms.topic_arns) && alarm.dimensions == tomap({ DBInstanceIdentifier = "tandem-test" })
      && can(regex("Runbook: docs/runbooks/[a-z-]+\\.md$", alarm.alarm_description))
    ])
    error_message = "Each alarm watches this instance, tells the topics and names its runbook."
  }
}

run "a_class_without_credits_has_no_alarm_about_them" {
  variables {
    instance_class = "db.m7g.large"
  }
  assert {
    condition     = !contains(keys(aws_cloudwatch_metric_alarm.this), "credits") && length(aws_cloudwatch_metric_alarm.this) == 5
    error_message = "Only burstable classes have credits."
  }
}

run "what_costs_can_be_off" {
  variables {
    multi_az                    = false
    deletion_protection         = false
    final_snapshot              = false
    insights_mode               = "off"
    enhanced_monitoring_seconds = 0
    alarms                      = { enabled = false }
  }
  assert {
    condition = (
      !aws_db_instance.this.multi_az && !aws_db_instance.this.deletion_protection && aws_db_instance.this.skip_final_snapshot
      && aws_db_instance.this.delete_automated_backups && !aws_db_instance.this.performance_insights_enabled
      && length(aws_iam_role.monitoring) == 0 && length(aws_cloudwatch_metric_alarm.this) == 0
    )
    error_message = "A database to play with has no standby, leaves nothing behind and is not watched."
  }
  assert {
    condition     = aws_db_instance.this.storage_encrypted && !aws_db_instance.this.publicly_accessible && aws_db_instance.this.backup_retention_period == 7
    error_message = "It is encrypted, private and backed up nevertheless."
  }
}

run "replicas_are_as_private_and_as_encrypted" {
  variables {
    replicas    = { reports = { instance_class = "db.t4g.medium" } }
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  }
  assert {
    condition = (
      aws_db_instance.replica["reports"].replicate_source_db == "tandem-test"
      && aws_db_instance.replica["reports"].identifier == "tandem-test-reports"
      && aws_db_instance.replica["reports"].instance_class == "db.t4g.medium"
      && aws_db_instance.replica["reports"].storage_encrypted && !aws_db_instance.replica["reports"].publicly_accessible
      && aws_db_instance.replica["reports"].vpc_security_group_ids == toset(["sg-0d0d"])
    )
    error_message = "A replica follows the instance, encrypted and private."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.replica_lag["reports"].treat_missing_data == "breaching"
    error_message = "A replica that tells nothing does not replicate."
  }
  assert {
    condition = (
      aws_db_instance.this.kms_key_id == var.kms_key_arn && aws_db_instance.this.master_user_secret_kms_key_id == var.kms_key_arn
      && aws_db_instance.this.performance_insights_kms_key_id == var.kms_key_arn
    )
    error_message = "The key encrypts storage, the administrator's secret and Insights."
  }
  assert {
    condition     = length(aws_cloudwatch_log_group.this) == 4
    error_message = "The replica's logs have a retention too."
  }
}
