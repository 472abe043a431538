locals {
  exec = var.exec_log_retention_days > 0 ? 1 : 0
}

resource "aws_cloudwatch_log_group" "exec" {
  #checkov:skip=CKV_AWS_338:How long sessions are kept is for exec_log_retention_days to say.
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts logs by itself; kms_key_arn is for whoever must hold the key.
  count = local.exec

  name              = "/${var.name}/exec"
  retention_in_days = var.exec_log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_ecs_cluster" "this" {
  #checkov:skip=CKV_AWS_65:ECS has CPU, memory and the number of tasks for nothing, and that is what alarms and scaling use; container_insights turns the paid ones on.
  #checkov:skip=CKV_AWS_223:Nobody gets into tasks unless exec_log_retention_days is set, and then it is logged.
  name = var.name

  setting {
    name  = "containerInsights"
    value = var.container_insights
  }

  configuration {
    execute_command_configuration {
      kms_key_id = var.kms_key_arn
      logging    = local.exec == 1 ? "OVERRIDE" : "NONE"

      dynamic "log_configuration" {
        for_each = aws_cloudwatch_log_group.exec[*].name

        content {
          cloud_watch_log_group_name     = log_configuration.value
          cloud_watch_encryption_enabled = var.kms_key_arn != null
        }
      }
    }
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = var.capacity_providers

  # For tasks that say nothing, such as migrations: those must not be taken away in the middle.
  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }
}
