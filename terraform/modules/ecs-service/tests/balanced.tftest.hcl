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
  service = "api"
  cluster = { arn = "arn:aws:ecs:eu-west-1:111122223333:cluster/tandem-test", name = "tandem-test" }
  image = {
    repository_url = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/tandem/api"
    repository_arn = "arn:aws:ecr:eu-west-1:111122223333:repository/tandem/api"
    digest         = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
  }
  health_check_command = ["/app/api", "healthcheck"]
  network              = { vpc_id = "vpc-0123456789abcdef0", subnet_ids = ["subnet-0a", "subnet-0b"] }
  port                 = 8080
  load_balancer = {
    sg_id              = "sg-0123456789abcdef0"
    https_listener_arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/tandem-test/0123456789abcdef/00000000000000aa"
    test_listener_arn  = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/tandem-test/0123456789abcdef/00000000000000bb"
    arn_suffix         = "app/tandem-test/0123456789abcdef"
  }
  deployment = {
    strategy    = "codedeploy_canary"
    alarm_names = ["tandem-test-api-5xx"]
  }
}

run "only_the_load_balancer_connects" {
  assert {
    condition     = aws_vpc_security_group_ingress_rule.load_balancer[0].referenced_security_group_id == "sg-0123456789abcdef0" && aws_vpc_security_group_ingress_rule.load_balancer[0].from_port == 8080 && aws_vpc_security_group_ingress_rule.load_balancer[0].security_group_id == aws_security_group.this.id
    error_message = "The load balancer must reach the tasks."
  }
  assert {
    condition     = aws_vpc_security_group_egress_rule.load_balancer[0].security_group_id == "sg-0123456789abcdef0" && aws_vpc_security_group_egress_rule.load_balancer[0].referenced_security_group_id == aws_security_group.this.id
    error_message = "It must be let out to them, and to nothing else."
  }
  assert {
    condition = alltrue([for group in aws_lb_target_group.this :
      group.target_type == "ip" && group.health_check[0].path == "/health" && tonumber(group.deregistration_delay) == 30
    ]) && keys(aws_lb_target_group.this) == ["blue", "green"]
    error_message = "Both groups must ask the shallow check, and give requests time to end."
  }
  assert {
    condition     = keys(aws_lb_listener_rule.this) == ["https", "test"] && alltrue([for rule in aws_lb_listener_rule.this : rule.priority == 100])
    error_message = "The service must claim its paths on both listeners."
  }
}

run "a_canary_is_watched_and_goes_back" {
  assert {
    condition     = aws_ecs_service.canary[0].deployment_controller[0].type == "CODE_DEPLOY" && aws_ecs_service.canary[0].launch_type == "FARGATE" && length(aws_ecs_service.rolling) == 0
    error_message = "CodeDeploy must exchange the tasks, on ordinary Fargate."
  }
  assert {
    condition     = aws_codedeploy_deployment_config.this[0].traffic_routing_config[0].time_based_canary[0].percentage == 10 && aws_codedeploy_deployment_config.this[0].traffic_routing_config[0].time_based_canary[0].interval == 5
    error_message = "A tenth of the requests must try the new version for five minutes."
  }
  assert {
    condition     = aws_codedeploy_deployment_group.this[0].alarm_configuration[0].enabled && aws_codedeploy_deployment_group.this[0].alarm_configuration[0].alarms == toset(["tandem-test-api-5xx"]) && !aws_codedeploy_deployment_group.this[0].alarm_configuration[0].ignore_poll_alarm_failure
    error_message = "An alarm, or not knowing of alarms, must end the deployment."
  }
  assert {
    condition     = aws_codedeploy_deployment_group.this[0].auto_rollback_configuration[0].enabled && contains(aws_codedeploy_deployment_group.this[0].auto_rollback_configuration[0].events, "DEPLOYMENT_STOP_ON_ALARM")
    error_message = "It must go back by itself."
  }
  assert {
    condition     = aws_codedeploy_deployment_group.this[0].blue_green_deployment_config[0].terminate_blue_instances_on_deployment_success[0].termination_wait_time_in_minutes == 30
    error_message = "The old tasks must be kept, so that going back takes seconds."
  }
  assert {
    condition = (
      aws_codedeploy_deployment_group.this[0].load_balancer_info[0].target_group_pair_info[0].prod_traffic_route[0].listener_arns == toset([var.load_balancer.https_listener_arn])
      && aws_codedeploy_deployment_group.this[0].load_balancer_info[0].target_group_pair_info[0].test_traffic_route[0].listener_arns == toset([var.load_balancer.test_listener_arn])
      && aws_codedeploy_deployment_group.this[0].load_balancer_info[0].target_group_pair_info[0].target_group[*].name == tolist(["tandem-test-api-blue", "tandem-test-api-green"])
    )
    error_message = "Requests and trials must go to the right listeners and groups."
  }
}

run "codedeploy_can_touch_this_service_only" {
  assert {
    condition = one([for statement in jsondecode(aws_iam_role_policy.codedeploy[0].policy).Statement : statement.Resource if statement.Sid == "ExchangeTasks"]) == [
      "arn:aws:ecs:eu-west-1:111122223333:service/tandem-test/api",
      "arn:aws:ecs:eu-west-1:111122223333:task-set/tandem-test/api/*",
    ]
    error_message = "Only tasks of this service may be exchanged."
  }
  assert {
    condition     = contains(one([for statement in jsondecode(aws_iam_role_policy.codedeploy[0].policy).Statement : statement.Resource if statement.Sid == "MoveRequests"]), "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener-rule/app/tandem-test/0123456789abcdef/00000000000000aa/*")
    error_message = "Only rules of these listeners may be changed."
  }
  assert {
    condition = alltrue(flatten([for statement in jsondecode(aws_iam_role_policy.codedeploy[0].policy).Statement : [
      for action in statement.Action : !strcontains(action, "*") && (statement.Resource != "*" || can(regex(":Describe", action)))
    ]]))
    error_message = "What changes anything must name its resource."
  }
  assert {
    condition     = one([for statement in jsondecode(aws_iam_role_policy.codedeploy[0].policy).Statement : statement.Condition.StringEquals["iam:PassedToService"] if statement.Sid == "HandTheTasksTheirRoles"]) == "ecs-tasks.amazonaws.com"
    error_message = "Roles may be handed to tasks and to nothing else."
  }
}

run "all_at_once_needs_no_configuration" {
  variables {
    deployment = { strategy = "codedeploy_canary", canary_percent = 100 }
  }

  assert {
    condition     = length(aws_codedeploy_deployment_config.this) == 0 && aws_codedeploy_deployment_group.this[0].deployment_config_name == "CodeDeployDefault.ECSAllAtOnce"
    error_message = "AWS has one for that."
  }
  assert {
    condition     = !aws_codedeploy_deployment_group.this[0].alarm_configuration[0].enabled
    error_message = "Without alarms there is nothing to look at."
  }
}

run "a_rolling_service_behind_a_load_balancer_has_one_group" {
  variables {
    deployment = {}
  }

  assert {
    condition     = keys(aws_lb_target_group.this) == ["blue"] && keys(aws_lb_listener_rule.this) == ["https"] && one(aws_ecs_service.rolling[0].load_balancer[*].container_port) == 8080
    error_message = "There must be one group, with the tasks in it."
  }
  assert {
    condition     = aws_ecs_service.rolling[0].health_check_grace_period_seconds == 30
    error_message = "A task must have time to start before it is judged."
  }
}
