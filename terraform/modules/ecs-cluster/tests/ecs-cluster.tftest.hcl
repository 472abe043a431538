mock_provider "aws" {
  mock_resource "aws_ecs_cluster" {
    defaults = { arn = "arn:aws:ecs:eu-west-1:111122223333:cluster/tandem-test" }
  }
}

variables {
  name = "tandem-test"
}

run "nothing_is_paid_for_and_nobody_gets_in" {
  assert {
    condition     = [for setting in aws_ecs_cluster.this.setting : setting.value if setting.name == "containerInsights"] == ["disabled"]
    error_message = "Paid metrics must be asked for."
  }
  assert {
    condition     = aws_ecs_cluster.this.configuration[0].execute_command_configuration[0].logging == "NONE" && length(aws_cloudwatch_log_group.exec) == 0
    error_message = "There must be no log for sessions that there are not."
  }
  assert {
    condition     = aws_ecs_cluster_capacity_providers.this.capacity_providers == toset(["FARGATE", "FARGATE_SPOT"])
    error_message = "Both kinds of capacity must be there for services to choose from."
  }
  assert {
    condition     = [for strategy in aws_ecs_cluster_capacity_providers.this.default_capacity_provider_strategy : strategy.capacity_provider] == ["FARGATE"]
    error_message = "A task that says nothing, such as a migration, must not be taken away."
  }
  assert {
    condition     = output.name == "tandem-test" && output.arn == aws_ecs_cluster.this.arn
    error_message = "Services must find it."
  }
}

run "sessions_are_logged_where_there_are_any" {
  variables {
    exec_log_retention_days = 90
    kms_key_arn             = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
    container_insights      = "enhanced"
  }

  assert {
    condition     = aws_ecs_cluster.this.configuration[0].execute_command_configuration[0].log_configuration[0].cloud_watch_log_group_name == "/tandem-test/exec" && aws_cloudwatch_log_group.exec[0].retention_in_days == 90
    error_message = "What people do inside of tasks must be kept, and not for ever."
  }
  assert {
    condition     = aws_ecs_cluster.this.configuration[0].execute_command_configuration[0].kms_key_id == var.kms_key_arn && aws_cloudwatch_log_group.exec[0].kms_key_id == var.kms_key_arn
    error_message = "Sessions and their log must be encrypted with the key that was given."
  }
  assert {
    condition     = [for setting in aws_ecs_cluster.this.setting : setting.value] == ["enhanced"]
    error_message = "Paid metrics must be there when they were asked for."
  }
}
