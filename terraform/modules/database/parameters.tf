locals {
  parameters = merge(
    {
      # Only encrypted connections. The services also check the server's name and certificate.
      "rds.force_ssl"                     = "1"
      "rds.accepted_password_auth_method" = "scram"
      "password_encryption"               = "scram-sha-256"
      # Which statements cost what, for people who look for it.
      "shared_preload_libraries" = "pg_stat_statements"
      # Slow statements and waits for locks are logged, but never the values in them: those are payloads and keys.
      "log_min_duration_statement"        = "500"
      "log_lock_waits"                    = "1"
      "log_parameter_max_length"          = "0"
      "log_parameter_max_length_on_error" = "0"
      # Statements that set a password would be logged in full.
      "log_statement" = "none"
      # A forgotten transaction keeps every table from being vacuumed, and queues live from that.
      "idle_in_transaction_session_timeout" = "60000"
    },
    var.parameters,
  )

  # Those of which PostgreSQL takes notice when it starts. RDS refuses to apply them at once.
  static_parameters = [
    "autovacuum_freeze_max_age", "autovacuum_max_workers", "huge_pages", "max_connections", "max_locks_per_transaction",
    "max_prepared_transactions", "max_replication_slots", "max_wal_senders", "max_worker_processes",
    "pg_stat_statements.max", "rds.logical_replication", "shared_buffers", "shared_preload_libraries",
    "superuser_reserved_connections", "track_activity_query_size", "track_commit_timestamp", "wal_buffers",
  ]
}

resource "aws_db_parameter_group" "this" {
  name        = "${var.identifier}-pg${local.major_version}"
  family      = "postgres${local.major_version}"
  description = "Parameters of ${var.identifier}"

  dynamic "parameter" {
    for_each = local.parameters
    content {
      name         = parameter.key
      value        = parameter.value
      apply_method = contains(local.static_parameters, parameter.key) ? "pending-reboot" : "immediate"
    }
  }

  lifecycle {
    # A new major version needs a new group before the instance leaves the old one.
    create_before_destroy = true
  }
}
