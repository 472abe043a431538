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

run "a_fixed_number_is_not_scaled" {
  assert {
    condition     = length(aws_appautoscaling_target.this) == 0 && length(aws_appautoscaling_policy.average) == 0 && length(aws_appautoscaling_policy.expression) == 0 && length(aws_cloudwatch_metric_alarm.age) == 0
    error_message = "Without autoscaling there must be nothing of it."
  }
}

run "workers_follow_their_load_and_the_age_of_the_oldest" {
  variables {
    desired_count = 2
    autoscaling = {
      max = 20
      load = {
        per_task   = 70
        expression = "FILL(waiting, 0) + FILL(running, 0)"
        metrics = {
          waiting = { namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = "tandem-test-default" } }
          running = { namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesNotVisible", dimensions = { QueueName = "tandem-test-default" } }
        }
      }
      age = {
        seconds    = 30
        expression = "FILL(oldest, 0)"
        metrics    = { oldest = { namespace = "AWS/SQS", name = "ApproximateAgeOfOldestMessage", dimensions = { QueueName = "tandem-test-default" } } }
      }
    }
  }

  assert {
    condition     = aws_appautoscaling_target.this[0].resource_id == "service/tandem-test/worker" && aws_appautoscaling_target.this[0].min_capacity == 2 && aws_appautoscaling_target.this[0].max_capacity == 20 && !aws_appautoscaling_target.this[0].suspended_state[0].dynamic_scaling_in_suspended
    error_message = "The number must stay between the least and the most."
  }
  assert {
    condition     = keys(aws_appautoscaling_policy.expression) == ["load"] && aws_appautoscaling_policy.expression["load"].target_tracking_scaling_policy_configuration[0].target_value == 70
    error_message = "The load of each task must be tracked."
  }
  assert {
    condition = one([
      for metric in aws_appautoscaling_policy.expression["load"].target_tracking_scaling_policy_configuration[0].customized_metric_specification[0].metrics : metric.expression if metric.return_data
    ]) == "(FILL(waiting, 0) + FILL(running, 0)) / tasks"
    error_message = "The load must be divided by the number of tasks, and a minute that does not tell it must move nothing."
  }
  assert {
    condition = {
      for metric in aws_appautoscaling_policy.expression["load"].target_tracking_scaling_policy_configuration[0].customized_metric_specification[0].metrics :
      metric.id => metric.metric_stat[0].stat if !metric.return_data
    } == { running = "Maximum", tasks = "SampleCount", waiting = "Maximum" }
    error_message = "The number of tasks must be the number of samples, which is free."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.age[0].threshold == 30 && aws_cloudwatch_metric_alarm.age[0].evaluation_periods == 1 && tolist(aws_cloudwatch_metric_alarm.age[0].alarm_actions)[0] == aws_appautoscaling_policy.age[0].arn
    error_message = "Old work must start tasks within a minute."
  }
  assert {
    condition     = [for step in aws_appautoscaling_policy.age[0].step_scaling_policy_configuration[0].step_adjustment : step.scaling_adjustment if step.metric_interval_lower_bound == "90"] == [100]
    error_message = "Four times the age must double the number of tasks."
  }
}

run "the_api_follows_processor_memory_and_requests" {
  variables {
    service              = "api"
    health_check_command = ["/app/api", "healthcheck"]
    port                 = 8080
    load_balancer = {
      sg_id              = "sg-0123456789abcdef0"
      https_listener_arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/tandem-test/0123456789abcdef/00000000000000aa"
      test_listener_arn  = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/tandem-test/0123456789abcdef/00000000000000bb"
      arn_suffix         = "app/tandem-test/0123456789abcdef"
    }
    deployment  = { strategy = "codedeploy_canary" }
    autoscaling = { max = 6, cpu_percent = 60, memory_percent = 70, requests_per_minute = 30000 }
  }

  assert {
    condition = { for name, policy in aws_appautoscaling_policy.average : name => [
      policy.target_tracking_scaling_policy_configuration[0].predefined_metric_specification[0].predefined_metric_type,
      policy.target_tracking_scaling_policy_configuration[0].target_value,
      ] } == {
      cpu    = ["ECSServiceAverageCPUUtilization", 60]
      memory = ["ECSServiceAverageMemoryUtilization", 70]
    }
    error_message = "Processor and memory must be tracked."
  }
  assert {
    condition = one([
      for metric in aws_appautoscaling_policy.expression["requests"].target_tracking_scaling_policy_configuration[0].customized_metric_specification[0].metrics : metric.expression if metric.return_data
    ]) == "FILL(blue, 0) + FILL(green, 0)"
    error_message = "Requests must be counted in both groups: a deployment moves them."
  }
}

run "an_environment_can_sleep" {
  variables {
    autoscaling = {
      max          = 4
      cpu_percent  = 60
      office_hours = { start = "cron(0 7 ? * MON-FRI *)", stop = "cron(0 19 ? * MON-FRI *)", time_zone = "Europe/Berlin" }
    }
  }

  assert {
    condition = { for when, action in aws_appautoscaling_scheduled_action.office_hours : when => [
      action.schedule, tonumber(action.scalable_target_action[0].min_capacity), tonumber(action.scalable_target_action[0].max_capacity), action.timezone,
      ] } == {
      start = ["cron(0 7 ? * MON-FRI *)", 1, 4, "Europe/Berlin"]
      stop  = ["cron(0 19 ? * MON-FRI *)", 0, 0, "Europe/Berlin"]
    }
    error_message = "There must be no task at night, and all of them in the morning."
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.missing_tasks) == 0
    error_message = "Nobody must be called every evening."
  }
  assert {
    condition     = length(aws_appautoscaling_target.this) == 0 && aws_appautoscaling_target.sleeping[0].min_capacity == 1 && aws_appautoscaling_target.sleeping[0].max_capacity == 4
    error_message = "It must begin awake."
  }
}

# What another plan finds in the state is not what it would write, as after a stop: the schedule is changed, the bounds are left.
run "what_sleeps_is_no_drift" {
  variables {
    desired_count = 2
    autoscaling = {
      max          = 6
      cpu_percent  = 60
      office_hours = { start = "cron(0 7 ? * MON-FRI *)", stop = "cron(0 19 ? * MON-FRI *)", time_zone = "Europe/Berlin" }
    }
  }

  assert {
    condition     = aws_appautoscaling_target.sleeping[0].min_capacity == 1 && aws_appautoscaling_target.sleeping[0].max_capacity == 4
    error_message = "Terraform must leave the bounds to the office hours, or every night is a drift, and every apply wakes it."
  }
  assert {
    condition     = [for bound in ["min_capacity", "max_capacity"] : tonumber(aws_appautoscaling_scheduled_action.office_hours["start"].scalable_target_action[0][bound])] == [2, 6]
    error_message = "New bounds must come with the next morning."
  }
}

run "what_never_sleeps_keeps_its_bounds" {
  variables {
    desired_count = 2
    autoscaling   = { max = 6, cpu_percent = 60 }
  }

  assert {
    condition     = length(aws_appautoscaling_target.sleeping) == 0 && aws_appautoscaling_target.this[0].min_capacity == 2 && aws_appautoscaling_target.this[0].max_capacity == 6 && length(aws_appautoscaling_scheduled_action.office_hours) == 0
    error_message = "Without office hours the bounds are Terraform's."
  }
}

run "bounds_are_changed_where_nothing_sleeps" {
  variables {
    desired_count = 3
    autoscaling   = { max = 9, cpu_percent = 60 }
  }

  assert {
    condition     = aws_appautoscaling_target.this[0].min_capacity == 3 && aws_appautoscaling_target.this[0].max_capacity == 9
    error_message = "A change of the bounds must be applied."
  }
}

run "alarms_call_and_name_their_runbooks" {
  variables {
    desired_count = 2
    alarms = {
      page_topic_arns   = ["arn:aws:sns:eu-west-1:111122223333:tandem-test-page"]
      ticket_topic_arns = ["arn:aws:sns:eu-west-1:111122223333:tandem-test-ticket"]
    }
    runbook_base = "https://example.com/runbooks"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.missing_tasks[0].threshold == 2 && aws_cloudwatch_metric_alarm.missing_tasks[0].statistic == "SampleCount" && aws_cloudwatch_metric_alarm.missing_tasks[0].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.missing_tasks[0].actions_enabled
    error_message = "Missing tasks must be noticed, also when there is none at all."
  }
  assert {
    condition = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.utilisation), aws_cloudwatch_metric_alarm.missing_tasks) :
      alarm.alarm_actions == toset(alarm.metric_name == "CPUUtilization" && alarm.statistic == "SampleCount" ? var.alarms.page_topic_arns : var.alarms.ticket_topic_arns)
      && alarm.ok_actions == alarm.alarm_actions
      && can(regex("Runbook: https://example.com/runbooks/[a-z-]+\\.md$", alarm.alarm_description))
    ])
    error_message = "Missing tasks must wake somebody, busy ones need not; each alarm must tell when it is over, and say where to read on."
  }
  assert {
    condition     = keys(output.alarm_names) == ["cpu", "memory", "missing_tasks"]
    error_message = "Dashboards must find the alarms."
  }
}

run "alarms_can_be_left_away" {
  variables {
    alarms = null
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.utilisation) == 0 && length(aws_cloudwatch_metric_alarm.missing_tasks) == 0 && length(output.alarm_names) == 0
    error_message = "They must not be paid for."
  }
}
