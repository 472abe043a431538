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
      api = 7, worker = 11, queues = 8, database = 7, business = 8
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

run "business_is_seen_from_where_it_is_done" {
  assert {
    condition = [
      for series in one([for widget in jsondecode(aws_cloudwatch_dashboard.this["business"].dashboard_body).widgets : widget.properties.metrics if widget.properties.title == "Jobs accepted, by way"]) :
      "${series[1]} ${series[3]} ${try(tostring(series[7]), "")}"
      ] == [
      "tandem_jobs_submitted_total api batch", "tandem_jobs_submitted_total api schedule", "tandem_jobs_submitted_total api single",
      "tandem_jobs_submitted_total worker ",
    ]
    error_message = "Jobs come through the api, and from the worker that fires schedules."
  }
  assert {
    condition = toset(flatten([
      for widget in jsondecode(aws_cloudwatch_dashboard.this["business"].dashboard_body).widgets : [
        for series in widget.properties.metrics : split(" ", split(",", element(series, length(series) - 1).label)[0])[0]
      ] if contains(["Jobs by state, now", "Jobs that ended, by state"], widget.properties.title)
    ])) == toset(["scheduled", "queued", "running", "succeeded", "failed", "cancelled", "expired"])
    error_message = "Each state of a job must be seen."
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

run "a_million_jobs_have_a_price_where_the_bill_is_known" {
  variables {
    cost = { month_usd = 160.5, million_jobs_usd = 2 }
  }
  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this["business"].dashboard_body).widgets) == 9
    error_message = "The bill must be on the dashboard."
  }
  assert {
    condition = [
      for series in jsondecode(aws_cloudwatch_dashboard.this["business"].dashboard_body).widgets[8].properties.metrics : series[0].expression if try(series[0].expression, null) != null
    ] == ["RUNNING_SUM(TIME_SERIES(PERIOD(good)))*160.5/2628000*1000000/RUNNING_SUM(FILL(SUM([good,bad,gone]),0))+2"]
    error_message = "It must be what the time that is shown costs, by the jobs that ended in it, and what each million adds."
  }
  assert {
    condition = {
      for series in jsondecode(aws_cloudwatch_dashboard.this["business"].dashboard_body).widgets[8].properties.metrics : series[8].id => [series[1], series[7], series[8].visible]
      if try(series[8].id, null) != null
      } == {
      good = ["tandem_attempts_total", "succeeded", false], bad = ["tandem_attempts_total", "failed", false], gone = ["tandem_attempts_total", "cancelled", false]
    }
    error_message = "A job has ended when an attempt succeeded, failed for good or was cancelled."
  }
  assert {
    condition     = [for widget in jsondecode(aws_cloudwatch_dashboard.this["business"].dashboard_body).widgets : widget.properties.period] == [60, 60, 60, 60, 60, 60, 60, 60, 300]
    error_message = "A month must be looked at by values that CloudWatch keeps for a month."
  }
}
