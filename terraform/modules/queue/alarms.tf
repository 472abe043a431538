resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  count = var.alarms.enabled ? 1 : 0

  alarm_name        = "${var.name}-dead-letters"
  alarm_description = "Jobs of this lane failed for good and wait for a decision. Runbook: ${var.runbook_base}/dead-letters.md"

  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.dead_letters
  # SQS tells nothing about a queue that nobody has used for six hours.
  treat_missing_data = "notBreaching"

  alarm_actions = var.alarms.topic_arns
  ok_actions    = var.alarms.topic_arns
}

resource "aws_cloudwatch_metric_alarm" "age" {
  count = var.alarms.enabled ? 1 : 0

  alarm_name        = "${var.name}-backlog-age"
  alarm_description = "The oldest doorbell of this lane waits too long: workers are missing, stuck or too few. Runbook: ${var.runbook_base}/backlog-age.md"

  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.lane.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.age_seconds
  treat_missing_data  = "notBreaching"

  alarm_actions = var.alarms.topic_arns
  ok_actions    = var.alarms.topic_arns
}
