output "url" {
  description = "URL of the lane's queue, for TANDEM_SQS_QUEUE_URLS."
  value       = aws_sqs_queue.lane.url
}

output "arn" {
  description = "ARN of the lane's queue."
  value       = aws_sqs_queue.lane.arn
}

output "name" {
  description = "Name of the lane's queue, as CloudWatch's dimension QueueName has it."
  value       = aws_sqs_queue.lane.name
}

output "dlq_url" {
  description = "URL of the dead-letter queue, for TANDEM_SQS_DEAD_LETTER_QUEUE_URLS."
  value       = aws_sqs_queue.dead.url
}

output "dlq_arn" {
  description = "ARN of the dead-letter queue."
  value       = aws_sqs_queue.dead.arn
}

output "dlq_name" {
  description = "Name of the dead-letter queue, as CloudWatch's dimension QueueName has it."
  value       = aws_sqs_queue.dead.name
}

output "alarm_names" {
  description = "Names of the alarms by what they watch: `dead_letters` and `age`. Empty when alarms are off."
  value = {
    for watched, alarm in { dead_letters = aws_cloudwatch_metric_alarm.dead_letters, age = aws_cloudwatch_metric_alarm.age } :
    watched => alarm[0].alarm_name if length(alarm) > 0
  }
}
