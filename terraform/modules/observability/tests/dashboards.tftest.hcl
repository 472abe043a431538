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

run "each_dashboard_shows_what_it_is_for" {
  assert {
    condition = { for name, dashboard in aws_cloudwatch_dashboard.this : name => length(jsondecode(dashboard.dashboard_body).widgets) } == {
      api = 7, worker = 11, queues = 8, database = 7, business = 7
    }
    error_message = "The dashboards must have their widgets."
  }
  assert {
    condition = alltrue(flatten([
      for dashboard in aws_cloudwatch_dashboard.this : [
        for widget in jsondecode(dashboard.dashboard_body).widgets :
        length(widget.properties.metrics) > 0 && widget.properties.region == "eu-central-1" && widget.properties.title != ""
      ]
    ]))
    error_message = "No widget may be empty."
  }
  assert {
    condition = alltrue([
      for dashboard in aws_cloudwatch_dashboard.this :
      length(distinct([for widget in jsondecode(dashboard.dashboard_body).widgets : "${widget.x} ${widget.y}"])) == length(jsondecode(dashboard.dashboard_body).widgets)
    ])
    error_message = "No widget may cover another."
  }
}

run "every_metric_of_ours_is_in_the_list" {
  assert {
    condition = alltrue(flatten([
      for dashboard in aws_cloudwatch_dashboard.this : [
        for widget in jsondecode(dashboard.dashboard_body).widgets : [
          for series in widget.properties.metrics : contains([for metric in local.metrics : "${metric.name} ${metric.service}"], "${series[1]} ${series[3]}")
          if try(series[0], "") == "Tandem"
        ]
      ]
    ]))
    error_message = "A dashboard shows a metric that no service publishes."
  }
  # The labels of a series are one of the sets of dimensions that are published.
  assert {
    condition = alltrue(flatten([
      for dashboard in aws_cloudwatch_dashboard.this : [
        for widget in jsondecode(dashboard.dashboard_body).widgets : [
          for series in widget.properties.metrics : anytrue([
            for metric in local.metrics : metric.name == series[1] && metric.service == series[3] && contains([for set in metric.sets : join(",", set)], try(tostring(series[6]), ""))
          ]) if try(series[0], "") == "Tandem"
        ]
      ]
    ]))
    error_message = "A dashboard shows a metric by labels that no service publishes it by."
  }
  assert {
    condition = alltrue([
      for alarm in values(aws_cloudwatch_metric_alarm.worker) : anytrue([
        for metric in local.metrics : metric.name == alarm.metric_name
        && contains([for set in metric.sets : join(",", set)], join(",", setsubtract(keys(alarm.dimensions), ["Service", "Environment"])))
      ])
    ])
    error_message = "An alarm is about a metric by labels that no service publishes it by."
  }
  assert {
    condition     = alltrue([for metric in local.metrics : startswith(metric.name, "tandem_") && contains(["api", "worker"], metric.service) && length(metric.sets) > 0])
    error_message = "The list must have the metric's name, service and sets of labels."
  }
}

run "dashboards_are_chosen" {
  variables {
    dashboards = ["api", "queues"]
  }
  assert {
    condition     = jsonencode(output.dashboard_names) == jsonencode({ api = "tandem-test-api", queues = "tandem-test-queues" })
    error_message = "Only what is asked for is made."
  }
}
