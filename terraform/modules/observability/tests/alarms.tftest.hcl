mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000" }
  }
  override_resource {
    target = aws_sns_topic.this["page"]
    values = { arn = "arn:aws:sns:eu-central-1:111122223333:tandem-test-page" }
  }
  override_resource {
    target = aws_sns_topic.this["ticket"]
    values = { arn = "arn:aws:sns:eu-central-1:111122223333:tandem-test-ticket" }
  }
}

variables {
  name                = "tandem-test"
  environment         = "test"
  load_balancer       = { arn_suffix = "app/tandem-test/0123456789abcdef" }
  certificate         = { arn = "arn:aws:acm:eu-central-1:111122223333:certificate/0" }
  database_identifier = "tandem-test"
  services = {
    api    = { cluster = "tandem-test", service = "tandem-test-api" }
    worker = { cluster = "tandem-test", service = "tandem-test-worker" }
  }
  lanes = {
    default = { queue_name = "tandem-test-default", dlq_name = "tandem-test-default-dead" }
    high    = { queue_name = "tandem-test-high", dlq_name = "tandem-test-high-dead" }
  }
}

run "two_windows_must_agree_before_anybody_is_told" {
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.burn) == 18 && alltrue([for alarm in aws_cloudwatch_metric_alarm.burn : length(coalesce(alarm.alarm_actions, [])) == 0])
    error_message = "Three promises have six windows each, and no window tells anybody by itself."
  }
  assert {
    condition     = aws_cloudwatch_composite_alarm.burn["availability-page"].alarm_rule == "(ALARM(\"tandem-test-burn-availability-1h\") AND ALARM(\"tandem-test-burn-availability-5m\")) OR (ALARM(\"tandem-test-burn-availability-6h\") AND ALARM(\"tandem-test-burn-availability-30m\"))"
    error_message = "A page needs an hour and five minutes, or six hours and half an hour."
  }
  assert {
    condition = (
      aws_cloudwatch_composite_alarm.burn["availability-page"].alarm_actions == toset(["arn:aws:sns:eu-central-1:111122223333:tandem-test-page"])
      && aws_cloudwatch_composite_alarm.burn["pickup-ticket"].alarm_actions == toset(["arn:aws:sns:eu-central-1:111122223333:tandem-test-ticket"])
      && keys(aws_cloudwatch_composite_alarm.burn) == ["availability-page", "availability-ticket", "latency-page", "latency-ticket", "pickup-page", "pickup-ticket"]
    )
    error_message = "Each promise pages, and opens tickets."
  }
}

run "rates_are_those_of_the_book" {
  assert {
    condition = { for window in ["1h", "5m", "6h", "30m", "3d", "3d-short"] : window => [
      format("%.4f", aws_cloudwatch_metric_alarm.burn["availability-${window}"].threshold),
      one(distinct([for query in aws_cloudwatch_metric_alarm.burn["availability-${window}"].metric_query : query.metric[0].period if length(query.metric) > 0])),
      aws_cloudwatch_metric_alarm.burn["availability-${window}"].evaluation_periods,
      ] } == {
      "1h"       = ["0.0144", 3600, 1]
      "5m"       = ["0.0144", 300, 1]
      "6h"       = ["0.0060", 21600, 1]
      "30m"      = ["0.0060", 1800, 1]
      "3d"       = ["0.0010", 86400, 3]
      "3d-short" = ["0.0010", 21600, 1]
    }
    error_message = "The thresholds must be 14.4, 6 and 1 times the share that may fail."
  }
  assert {
    condition = one([for query in aws_cloudwatch_metric_alarm.burn["availability-5m"].metric_query : query.expression if query.id == "bad_share"]) == (
      "IF(FILL(answered,0)+FILL(refused,0)>=50,(FILL(failed,0)+FILL(refused,0))/(FILL(answered,0)+FILL(refused,0)),0)"
    )
    error_message = "Requests without a target count as failed, and few requests say nothing."
  }
  assert {
    condition = {
      for query in aws_cloudwatch_metric_alarm.burn["pickup-5m"].metric_query : query.id => "${query.metric[0].namespace} ${query.metric[0].metric_name} ${query.metric[0].stat}" if length(query.metric) > 0
      } == {
      count  = "Tandem tandem_pickup_seconds SampleCount"
      within = "Tandem tandem_pickup_seconds PR(:5)"
    }
    error_message = "The share of jobs that start in time comes from the distribution of pickups."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.burn["pickup-1h"].threshold < 1
    error_message = "No threshold may be out of reach."
  }
}

run "every_alarm_names_its_runbook" {
  assert {
    condition = alltrue([
      for description in concat(
        [for alarm in aws_cloudwatch_metric_alarm.burn : alarm.alarm_description],
        [for alarm in aws_cloudwatch_composite_alarm.burn : alarm.alarm_description],
        [for alarm in aws_cloudwatch_metric_alarm.worker : alarm.alarm_description],
        [for alarm in aws_cloudwatch_metric_alarm.rollback : alarm.alarm_description],
        aws_cloudwatch_metric_alarm.oldest_queued[*].alarm_description,
        aws_cloudwatch_metric_alarm.certificate[*].alarm_description,
        [for rule in aws_cloudwatch_event_rule.this : rule.description],
      ) : can(regex("Runbook: docs/runbooks/[a-z-]+\\.md$", description))
    ])
    error_message = "Each description must end with the runbook."
  }
  assert {
    condition     = length(output.alarm_names) == length(distinct(output.alarm_names)) && length(output.alarm_names) == 36
    error_message = "Each alarm must have a name of its own, and be told."
  }
}

run "silence_of_the_workers_is_an_alarm" {
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.worker["maintenance-missing"].treat_missing_data == "breaching"
      && aws_cloudwatch_metric_alarm.worker["workers"].treat_missing_data == "breaching"
      && aws_cloudwatch_metric_alarm.worker["maintenance-missing"].alarm_actions == toset(["arn:aws:sns:eu-central-1:111122223333:tandem-test-page"])
    )
    error_message = "When no worker tells anything, somebody is paged."
  }
  assert {
    condition     = alltrue([for alarm in values(aws_cloudwatch_metric_alarm.worker) : alarm.actions_enabled]) && alltrue([for alarm in values(aws_cloudwatch_composite_alarm.burn) : alarm.actions_enabled])
    error_message = "After the first release every alarm that tells somebody must tell."
  }
  assert {
    condition = aws_cloudwatch_metric_alarm.worker["lost-leases"].dimensions == tomap({
      Service = "worker", Environment = "test", answer = "lease_lost"
    })
    error_message = "Lost leases are one answer among the finishes."
  }
  assert {
    condition     = !contains(keys(aws_cloudwatch_metric_alarm.worker), "dead-letters")
    error_message = "Lanes in SQS have alarms of their own about dead letters."
  }
}

run "nobody_is_called_before_the_first_release" {
  variables {
    released = false
  }
  assert {
    condition = [for name, alarm in aws_cloudwatch_metric_alarm.worker : name if !alarm.actions_enabled] == [
      for name, alarm in aws_cloudwatch_metric_alarm.worker : name if alarm.treat_missing_data == "breaching"
    ] && length([for alarm in aws_cloudwatch_metric_alarm.worker : alarm if !alarm.actions_enabled]) == 2
    error_message = "Silence must call nobody while there is nobody who could tell anything; what is told still counts."
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_composite_alarm.burn : !alarm.actions_enabled])
    error_message = "What is not there yet has promised nothing."
  }
}

run "deployments_are_told_what_rolls_them_back" {
  assert {
    condition = jsonencode(output.rollback_alarm_names) == jsonencode({
      api    = ["tandem-test-rollback-api-errors", "tandem-test-rollback-api-latency"]
      worker = ["tandem-test-rollback-worker-failures"]
    })
    error_message = "Each service has alarms that roll it back."
  }
  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.rollback :
      alarm.evaluation_periods == 3 && alarm.datapoints_to_alarm == 2 && alarm.treat_missing_data == "notBreaching"
      && alltrue([for query in alarm.metric_query : query.metric[0].period == 60 if length(query.metric) > 0])
    ])
    error_message = "Two bad minutes of three roll back; no traffic does not."
  }
}

run "what_clients_and_targets_do_rolls_nothing_back" {
  assert {
    condition = {
      for query in aws_cloudwatch_metric_alarm.rollback["worker-failures"].metric_query : query.id => "${query.metric[0].metric_name} ${lookup(query.metric[0].dimensions, "event", "-")}" if length(query.metric) > 0
    } == { good = "tandem_attempts_total succeeded", own = "tandem_own_failures_total -" }
    error_message = "Attempts that a target or a payload failed must not count."
  }
  assert {
    condition = alltrue([
      for query in flatten([aws_cloudwatch_metric_alarm.rollback["api-latency"].metric_query, [for alarm in aws_cloudwatch_metric_alarm.burn : alarm.metric_query if can(regex("burn-latency", alarm.alarm_name))]]) :
      query.metric[0].dimensions == tomap({ Service = "api", Environment = "test", operation = "submit" }) if length(query.metric) > 0
    ])
    error_message = "What is promised about submits must be measured by them."
  }
}

run "only_alarms_budgets_and_our_rules_may_publish" {
  assert {
    condition = alltrue([
      for topic in aws_sns_topic.this : topic.kms_master_key_id == "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000"
    ])
    error_message = "The topics must be encrypted with a key that lets alarms publish."
  }
  assert {
    condition = {
      for s in jsondecode(aws_sns_topic_policy.this["page"].policy).Statement : s.Sid => s.Condition
      } == {
      NobodyWithoutTls = { Bool = { "aws:SecureTransport" = "false" } }
      AlarmsAndBudgets = { StringEquals = { "aws:SourceAccount" = "111122223333" } }
      Events           = { ArnLike = { "aws:SourceArn" = "arn:aws:events:eu-central-1:111122223333:rule/tandem-test-*" } }
    }
    error_message = "Nobody may publish for another account, or without TLS."
  }
  assert {
    condition     = aws_kms_key.topics[0].enable_key_rotation
    error_message = "The key must be rotated."
  }
}

run "events_are_ours_and_reach_a_topic" {
  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this["deployment-failed"].event_pattern).resources == [
      { suffix = ":service/tandem-test/tandem-test-api" }, { suffix = ":service/tandem-test/tandem-test-worker" },
    ]
    error_message = "Only deployments of our services are told."
  }
  assert {
    condition = (
      jsondecode(aws_cloudwatch_event_rule.this["database-event"].event_pattern).detail.SourceIdentifier == ["tandem-test"]
      && aws_cloudwatch_event_target.this["database-event"].arn == "arn:aws:sns:eu-central-1:111122223333:tandem-test-ticket"
      && aws_cloudwatch_event_target.this["deployment-failed"].arn == "arn:aws:sns:eu-central-1:111122223333:tandem-test-page"
    )
    error_message = "Events go to the topic of their urgency."
  }
}

run "a_canary_that_fails_pages_too" {
  variables {
    services = {
      api    = { cluster = "tandem-test", service = "tandem-test-api", codedeploy = "tandem-test-api" }
      worker = { cluster = "tandem-test", service = "tandem-test-worker" }
    }
  }
  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this["canary-failed"].event_pattern) == {
      source      = ["aws.codedeploy"]
      detail-type = ["CodeDeploy Deployment State-change Notification"]
      detail      = { application = ["tandem-test-api"], state = ["FAILURE", "STOP"] }
    }
    error_message = "Deployments that CodeDeploy ends or that somebody stops must be told, and only those of our application."
  }
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.this["deployment-failed"].event_pattern).resources == [{ suffix = ":service/tandem-test/tandem-test-worker" }]
    error_message = "ECS tells only of services that roll."
  }
  assert {
    condition     = aws_cloudwatch_event_target.this["canary-failed"].arn == "arn:aws:sns:eu-central-1:111122223333:tandem-test-page"
    error_message = "A canary that fails must page."
  }
}

run "subscribers_are_told_by_urgency" {
  variables {
    subscribers = { page = ["https://events.example.com/x", "oncall@example.com"], ticket = ["team@example.com"] }
  }
  assert {
    condition = { for key, subscription in aws_sns_topic_subscription.this : key => subscription.protocol } == {
      "page https://events.example.com/x" = "https"
      "page oncall@example.com"           = "email"
      "ticket team@example.com"           = "email"
    }
    error_message = "Mail addresses and URLs are told by their own protocol."
  }
}
