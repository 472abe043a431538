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
  name        = "tandem-test"
  environment = "test"
  lanes       = { default = { queue_name = null, dlq_name = null } }
}

run "with_nothing_but_a_database_as_queue_there_is_less" {
  assert {
    condition = (
      contains(keys(aws_cloudwatch_metric_alarm.worker), "dead-letters") && !contains(keys(aws_cloudwatch_composite_alarm.burn), "availability-page")
      && length(aws_cloudwatch_metric_alarm.certificate) == 0 && length(aws_cloudwatch_event_rule.this) == 0
    )
    error_message = "Dead letters are then counted by the database, and what is not there is not watched."
  }
  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this["queues"].dashboard_body).widgets) == 4
    error_message = "There are no widgets about queues in SQS."
  }
}

run "without_metrics_of_the_services_no_alarm_is_about_them" {
  variables {
    application_metrics = false
    load_balancer       = { arn_suffix = "app/tandem-test/0123456789abcdef" }
  }
  assert {
    condition = (
      length(aws_cloudwatch_metric_alarm.worker) == 0 && length(aws_cloudwatch_metric_alarm.oldest_queued) == 0
      && keys(aws_cloudwatch_composite_alarm.burn) == ["availability-page", "availability-ticket"]
      && keys(aws_cloudwatch_metric_alarm.rollback) == ["api-errors"]
    )
    error_message = "What AWS measures itself is watched all the same."
  }
}

run "alarms_can_be_left_away" {
  variables {
    alarms              = false
    load_balancer       = { arn_suffix = "app/tandem-test/0123456789abcdef" }
    certificate         = { arn = "arn:aws:acm:eu-central-1:111122223333:certificate/0" }
    database_identifier = "tandem-test"
    services            = { worker = { cluster = "tandem-test", service = "tandem-test-worker" } }
  }
  assert {
    condition     = length(output.alarm_names) == 0 && length(aws_cloudwatch_event_rule.this) == 0 && length(aws_cloudwatch_event_target.this) == 0
    error_message = "There must be neither alarms nor events."
  }
  assert {
    condition     = output.rollback_alarm_names == { api = [], worker = [] } && length(output.topic_arns) == 2 && length(output.dashboard_names) == 5
    error_message = "No deployment may wait for an alarm that is not there; topics and dashboards are."
  }
}

run "silence_of_what_sleeps_is_no_alarm" {
  variables {
    sleeps = true
  }
  assert {
    condition = (
      alltrue([for alarm in aws_cloudwatch_metric_alarm.worker : alarm.treat_missing_data == "notBreaching"])
      && length(setintersection(keys(aws_cloudwatch_metric_alarm.worker), ["maintenance-missing", "workers"])) == 2
    )
    error_message = "Nobody is called at night, and somebody is when workers tell that they are too few."
  }
}

run "promises_are_chosen_and_keys_brought" {
  variables {
    burn_rate_alarms = ["pickup"]
    kms_key_arn      = "arn:aws:kms:eu-central-1:111122223333:key/11111111-1111-1111-1111-111111111111"
    slo              = { pickup = 0.99, pickup_seconds = 2 }
  }
  assert {
    condition     = length(aws_kms_key.topics) == 0 && output.kms_key_arn == var.kms_key_arn
    error_message = "No key is made where one is brought."
  }
  assert {
    condition = (
      keys(aws_cloudwatch_composite_alarm.burn) == ["pickup-page", "pickup-ticket"]
      && format("%.3f", aws_cloudwatch_metric_alarm.burn["pickup-6h"].threshold) == "0.060"
      && contains([for query in aws_cloudwatch_metric_alarm.burn["pickup-6h"].metric_query : try(query.metric[0].stat, "")], "PR(:2)")
    )
    error_message = "Only the chosen promise is watched, as it was promised."
  }
}
