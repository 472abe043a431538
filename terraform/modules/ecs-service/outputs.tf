output "service_name" {
  description = "The service's name within the cluster; null for what runs once."
  value       = local.service_name
}

output "task_definition_family" {
  description = "The family whose newest revision by Terraform is the template of the next release."
  value       = aws_ecs_task_definition.this.family
}

output "task_definition_arn" {
  description = "That revision, and the container's name is the service's."
  value       = aws_ecs_task_definition.this.arn
}

output "task_role_arn" {
  description = "The role of the program itself: for policies of queues, secrets and keys."
  value       = aws_iam_role.task.arn
}

output "execution_role_arn" {
  description = "The role with which ECS starts tasks: for policies of secrets that it reads."
  value       = aws_iam_role.execution.arn
}

output "sg_id" {
  description = "The security group of the tasks: for rules of whom they connect to."
  value       = aws_security_group.this.id
}

output "log_group_name" {
  description = "Where the logs are."
  value       = aws_cloudwatch_log_group.this.name
}

output "target_group_arns" {
  description = "The target groups by colour; none without a load balancer."
  value       = { for colour, group in aws_lb_target_group.this : colour => group.arn }
}

output "target_group_arn_suffixes" {
  description = "How metrics call the target groups: the dimension TargetGroup, by colour."
  value       = { for colour, group in aws_lb_target_group.this : colour => group.arn_suffix }
}

output "codedeploy" {
  description = "What deployments are made with: the application and its group; null with the strategy rolling."
  value = local.canary == 0 ? null : {
    app   = aws_codedeploy_app.this[0].name
    group = aws_codedeploy_deployment_group.this[0].deployment_group_name
  }
}

output "digest_parameters" {
  description = "The SSM parameters that the deploy program writes: what runs (digest), and what ran before (previous_digest)."
  value       = { for key, parameter in aws_ssm_parameter.digest : key => parameter.name }
}

output "is_released" {
  description = "Whether an image was released here. Until then there are no tasks, and an alarm about them must call nobody."
  value       = local.is_released
}

output "alarm_names" {
  description = "The alarms about the tasks by what they watch: cpu, memory and missing_tasks."
  value = merge(
    { for watched, alarm in aws_cloudwatch_metric_alarm.utilisation : watched => alarm.alarm_name },
    { for alarm in aws_cloudwatch_metric_alarm.missing_tasks : "missing_tasks" => alarm.alarm_name },
  )
}
