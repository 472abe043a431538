mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/tandem-test" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/tandem-test/log" }
  }
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-west-1:111122223333:task-definition/tandem-test:1" }
  }
  mock_resource "aws_lb_target_group" {
    defaults = {
      arn        = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/tandem-test/0123456789abcdef"
      arn_suffix = "targetgroup/tandem-test/0123456789abcdef"
    }
  }
  mock_resource "aws_appautoscaling_policy" {
    defaults = { arn = "arn:aws:autoscaling:eu-west-1:111122223333:scalingPolicy:00000000-0000-0000-0000-000000000000:resource/ecs/service/tandem-test/worker:policyName/age" }
  }
}

variables {
  name    = "tandem-test"
  service = "worker"
  cluster = { arn = "arn:aws:ecs:eu-west-1:111122223333:cluster/tandem-test", name = "tandem-test" }
  image = {
    repository_url = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/tandem/worker"
    repository_arn = "arn:aws:ecr:eu-west-1:111122223333:repository/tandem/worker"
    digest         = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
  }
  health_check_command = ["/app/worker", "healthcheck"]
  network              = { vpc_id = "vpc-0123456789abcdef0", subnet_ids = ["subnet-0a", "subnet-0b"] }
}

run "a_container_can_do_little" {
  assert {
    condition = alltrue([for container in jsondecode(aws_ecs_task_definition.this.container_definitions) :
      container.readonlyRootFilesystem && !container.privileged && container.user == "65532:65532"
      && container.linuxParameters.capabilities.drop == ["ALL"] && length(container.linuxParameters.capabilities.add) == 0
      && container.linuxParameters.initProcessEnabled
    ])
    error_message = "It must be no root, write nothing to its own file system, and have no capability."
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].image == "111122223333.dkr.ecr.eu-west-1.amazonaws.com/tandem/worker@sha256:1111111111111111111111111111111111111111111111111111111111111111"
    error_message = "An image must be named by its digest."
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].stopTimeout == 120 && jsondecode(aws_ecs_task_definition.this.container_definitions)[0].healthCheck.command == ["CMD", "/app/worker", "healthcheck"]
    error_message = "It must have time to end, and tell by itself whether it is well."
  }
  assert {
    condition = alltrue([
      jsondecode(aws_ecs_task_definition.this.container_definitions)[0].logConfiguration.options["mode"] == "non-blocking",
      jsondecode(aws_ecs_task_definition.this.container_definitions)[0].logConfiguration.options["max-buffer-size"] == "4m",
      jsondecode(aws_ecs_task_definition.this.container_definitions)[0].logConfiguration.options["awslogs-group"] == "/tandem-test/worker",
    ])
    error_message = "A slow log must not stop the program."
  }
  assert {
    condition     = aws_ecs_task_definition.this.runtime_platform[0].cpu_architecture == "ARM64" && aws_ecs_task_definition.this.network_mode == "awsvpc"
    error_message = "It must run on the cheaper processors, with an address of its own."
  }
  assert {
    condition     = aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "Logs must end."
  }
}

run "settings_and_secrets_arrive_apart" {
  variables {
    environment = { TANDEM_QUEUE = "sqs", TANDEM_LOG = "info" }
    secrets = {
      TANDEM_KEY_PEPPER = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:tandem-test/pepper-AbCdEf"
      TANDEM_OTHER      = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:tandem-test/json-AbCdEf:key::"
    }
    secrets_kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
    entrypoint          = ["/app/tandem"]
    command             = ["migrate"]
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].environment == [{ name = "TANDEM_LOG", value = "info" }, { name = "TANDEM_QUEUE", value = "sqs" }]
    error_message = "Settings must be in the definition, in a fixed order."
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].secrets[1].valueFrom == "arn:aws:secretsmanager:eu-west-1:111122223333:secret:tandem-test/json-AbCdEf:key::"
    error_message = "Secrets must be named, not shown."
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].entryPoint == ["/app/tandem"] && jsondecode(aws_ecs_task_definition.this.container_definitions)[0].command == ["migrate"]
    error_message = "Another program of the image can be run."
  }
  assert {
    condition = one([for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement : statement.Resource if statement.Sid == "ReadTheSecrets"]) == [
      "arn:aws:secretsmanager:eu-west-1:111122223333:secret:tandem-test/pepper-AbCdEf",
      "arn:aws:secretsmanager:eu-west-1:111122223333:secret:tandem-test/json-AbCdEf",
    ]
    error_message = "ECS may read these secrets and no others; the key of a JSON object is no part of the ARN."
  }
  assert {
    condition     = one([for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement : statement.Condition.StringEquals["kms:ViaService"] if statement.Sid == "DecryptTheSecrets"]) == "secretsmanager.eu-west-1.amazonaws.com"
    error_message = "The key must be usable through Secrets Manager only."
  }
}

run "roles_are_narrow" {
  assert {
    condition = alltrue(flatten([for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement : [
      for action in statement.Action : !strcontains(action, "*") && (statement.Resource != "*" || action == "ecr:GetAuthorizationToken")
    ]]))
    error_message = "Every action must be named, and have its resource where AWS knows one."
  }
  assert {
    condition = alltrue([for role in [aws_iam_role.execution, aws_iam_role.task] :
      jsondecode(role.assume_role_policy).Statement[0].Principal.Service == "ecs-tasks.amazonaws.com"
      && jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    ])
    error_message = "Only tasks of this account may take the roles."
  }
  assert {
    condition     = length(aws_iam_role_policy.task) == 0 && length(aws_iam_role_policy.exec) == 0
    error_message = "The program itself may do nothing unless it is said."
  }
}

run "what_the_program_may_do_is_said" {
  variables {
    task_policies   = { queues = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
    execute_command = true
  }

  assert {
    condition     = aws_iam_role_policy.task["queues"].policy == "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
    error_message = "Policies must be passed on."
  }
  assert {
    condition     = aws_ecs_service.rolling[0].enable_execute_command && alltrue([for action in jsondecode(aws_iam_role_policy.exec[0].policy).Statement[0].Action : startswith(action, "ssmmessages:")])
    error_message = "Whoever lets people in gets the rights that it needs, and no more."
  }
}

run "nobody_connects_to_a_worker_and_it_connects_to_few" {
  variables {
    egress = {
      security_groups = {
        database  = { sg_id = "sg-0d", port = 5432 }
        endpoints = { sg_id = "sg-0e", port = 443, open = true }
      }
      prefix_list_ids = { s3 = "pl-0123" }
    }
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.load_balancer) == 0 && length(aws_lb_target_group.this) == 0 && length(aws_ecs_service.rolling[0].load_balancer) == 0
    error_message = "Nobody may connect to it."
  }
  assert {
    condition     = keys(aws_vpc_security_group_egress_rule.internet) == ["443"] && aws_vpc_security_group_egress_rule.group["database"].referenced_security_group_id == "sg-0d" && aws_vpc_security_group_egress_rule.prefix_list["s3"].prefix_list_id == "pl-0123"
    error_message = "It may connect to HTTPS anywhere, and to the groups that were named."
  }
  assert {
    condition     = keys(aws_vpc_security_group_ingress_rule.group) == ["endpoints"] && aws_vpc_security_group_ingress_rule.group["endpoints"].referenced_security_group_id == aws_security_group.this.id && aws_vpc_security_group_ingress_rule.group["endpoints"].security_group_id == "sg-0e"
    error_message = "Only a group that is ours to open is opened."
  }
}

run "a_rolling_deployment_goes_back_by_itself" {
  # The number of tasks and the digest are only set when they are made.
  state_key = "a_rolling_deployment_goes_back_by_itself"

  variables {
    desired_count = 2
    capacity      = { on_demand_base = 1, on_demand_weight = 0, spot_weight = 1 }
    deployment    = { alarm_names = ["tandem-test-failures"] }
  }

  assert {
    condition     = aws_ecs_service.rolling[0].deployment_circuit_breaker[0].enable && aws_ecs_service.rolling[0].deployment_circuit_breaker[0].rollback
    error_message = "Tasks that do not start must end the deployment."
  }
  assert {
    condition     = aws_ecs_service.rolling[0].alarms[0].rollback && aws_ecs_service.rolling[0].alarms[0].alarm_names == toset(["tandem-test-failures"])
    error_message = "An alarm must end the deployment."
  }
  assert {
    condition     = aws_ecs_service.rolling[0].deployment_minimum_healthy_percent == 100 && aws_ecs_service.rolling[0].deployment_maximum_percent == 200 && aws_ecs_service.rolling[0].desired_count == 2
    error_message = "There must never be fewer tasks than before."
  }
  assert {
    condition = { for choice in aws_ecs_service.rolling[0].capacity_provider_strategy : choice.capacity_provider => [choice.base, choice.weight] } == {
      FARGATE      = [1, 0]
      FARGATE_SPOT = [0, 1]
    }
    error_message = "One task must be on ordinary Fargate, the others on Spot."
  }
  assert {
    condition     = length(aws_codedeploy_app.this) == 0 && length(aws_ecs_service.canary) == 0 && output.codedeploy == null
    error_message = "There must be nothing of CodeDeploy."
  }
}

run "before_the_first_release_nothing_runs" {
  # The number of tasks and the digest are only set when they are made.
  state_key = "before_the_first_release_nothing_runs"

  variables {
    image = {
      repository_url = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/tandem/worker"
      repository_arn = "arn:aws:ecr:eu-west-1:111122223333:repository/tandem/worker"
    }
    desired_count = 2
    autoscaling   = { max = 4, cpu_percent = 60 }
  }

  assert {
    condition     = aws_ecs_service.rolling[0].desired_count == 0
    error_message = "There is no image to start."
  }
  assert {
    condition     = aws_appautoscaling_target.this[0].min_capacity == 0 && aws_appautoscaling_target.this[0].suspended_state[0].dynamic_scaling_in_suspended && aws_appautoscaling_target.this[0].suspended_state[0].dynamic_scaling_out_suspended
    error_message = "Nothing may start or stop tasks until there is a release."
  }
  assert {
    condition     = aws_ssm_parameter.digest["digest"].insecure_value == "none" && aws_ssm_parameter.digest["digest"].name == "/tandem-test/worker/digest" && output.digest_parameters.previous_digest == "/tandem-test/worker/previous_digest"
    error_message = "The deploy program must find where to write."
  }
  assert {
    condition     = !aws_cloudwatch_metric_alarm.missing_tasks[0].actions_enabled && !output.is_released
    error_message = "Nobody must be called because nothing runs yet."
  }
}

run "what_runs_once_has_no_service" {
  variables {
    service              = "migrate"
    runs                 = "once"
    health_check_command = []
    autoscaling          = { max = 4, cpu_percent = 60 }
  }

  assert {
    condition     = length(aws_ecs_service.rolling) == 0 && length(aws_ecs_service.canary) == 0 && output.service_name == null
    error_message = "It is started by somebody."
  }
  assert {
    condition     = length(aws_appautoscaling_target.this) == 0 && length(aws_cloudwatch_metric_alarm.utilisation) == 0 && length(aws_cloudwatch_metric_alarm.missing_tasks) == 0
    error_message = "There is nothing to scale and nothing to watch."
  }
  assert {
    condition     = !can(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].healthCheck) && aws_ecs_task_definition.this.family == "tandem-test-migrate"
    error_message = "It tells by its end how it went."
  }
}
