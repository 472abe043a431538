mock_provider "aws" {
  mock_resource "aws_ce_anomaly_monitor" {
    defaults = { arn = "arn:aws:ce::111122223333:anomalymonitor/00000000-0000-0000-0000-000000000000" }
  }
}

variables {
  name       = "tandem-prod"
  limit_usd  = 150
  emails     = ["team@example.com"]
  topic_arns = ["arn:aws:sns:eu-central-1:111122223333:tandem-prod-ticket"]
}

run "somebody_is_told_on_the_way_to_the_limit" {
  assert {
    condition     = aws_budgets_budget.monthly.limit_amount == "150" && aws_budgets_budget.monthly.time_unit == "MONTHLY" && output.budget_name == "tandem-prod-monthly"
    error_message = "The budget must be 150 dollars per month."
  }
  assert {
    condition     = sort([for n in aws_budgets_budget.monthly.notification : "${n.notification_type} ${n.threshold}"]) == tolist(["ACTUAL 100", "ACTUAL 50", "ACTUAL 80", "FORECASTED 100"])
    error_message = "Half, four fifths and all of the limit must be told, and the forecast of all of it."
  }
  assert {
    condition = alltrue([
      for n in aws_budgets_budget.monthly.notification : n.subscriber_email_addresses == toset(["team@example.com"]) && n.subscriber_sns_topic_arns == toset(var.topic_arns)
    ])
    error_message = "Each threshold must tell the addresses and the topic."
  }
  assert {
    condition     = length(aws_budgets_budget.monthly.cost_filter) == 0 && !one(aws_budgets_budget.monthly.cost_types).include_credit
    error_message = "The whole account counts, and credits hide nothing."
  }
  assert {
    condition     = length(aws_ce_anomaly_monitor.services) == 0
    error_message = "Anomalies are looked for only when asked."
  }
}

run "one_environment_can_be_counted_and_anomalies_be_found" {
  variables {
    tag_filter = { key = "Environment", value = "prod" }
    anomalies  = { enabled = true, usd = 5 }
    thresholds = { actual = [90], forecast = [] }
  }
  assert {
    condition     = one(aws_budgets_budget.monthly.cost_filter).name == "TagKeyValue" && one(one(aws_budgets_budget.monthly.cost_filter).values) == "user:Environment$prod"
    error_message = "Only what has the tag counts."
  }
  assert {
    condition     = [for n in aws_budgets_budget.monthly.notification : n.threshold] == [90]
    error_message = "The thresholds must be those that are asked for."
  }
  assert {
    condition = (
      aws_ce_anomaly_monitor.services[0].monitor_dimension == "SERVICE"
      && one(aws_ce_anomaly_subscription.mail[0].threshold_expression[0].dimension[0].values) == "5"
      && one(aws_ce_anomaly_subscription.mail[0].subscriber).address == "team@example.com"
    )
    error_message = "Anomalies of 5 dollars and more must be mailed."
  }
}
