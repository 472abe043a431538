output "endpoint" {
  description = "Host name of the instance, for TANDEM_DATABASE_HOST. It stays when the standby takes over."
  value       = aws_db_instance.this.address
}

output "port" {
  description = "Port of the instance, for TANDEM_DATABASE_PORT."
  value       = local.port
}

output "db_name" {
  description = "Name of the database, for TANDEM_DATABASE_NAME."
  value       = var.db_name
}

output "identifier" {
  description = "Name of the instance, as CloudWatch's dimension DBInstanceIdentifier has it."
  value       = aws_db_instance.this.identifier
}

output "resource_id" {
  description = "Id that policies for logging in with IAM name: rds-db:connect on dbuser:<resource id>/<user>."
  value       = aws_db_instance.this.resource_id
}

output "arn" {
  description = "ARN of the instance."
  value       = aws_db_instance.this.arn
}

output "master_secret_arn" {
  description = "ARN of the secret with the administrator's user name and password, for TANDEM_DATABASE_SECRET_ARN of migrations. RDS rotates it."
  value       = one(aws_db_instance.this.master_user_secret[*].secret_arn)
}

output "sg_id" {
  description = "Id of the database's security group."
  value       = aws_security_group.this.id
}

output "replica_endpoints" {
  description = "Host names of the replicas by their names."
  value       = { for name, replica in aws_db_instance.replica : name => replica.address }
}

output "alarm_names" {
  description = "Names of the alarms by what they watch, such as `cpu`, `storage` or `<replica>-replica-lag`. Empty when alarms are off."
  value = merge(
    { for watched, alarm in aws_cloudwatch_metric_alarm.this : watched => alarm.alarm_name },
    { for replica, alarm in aws_cloudwatch_metric_alarm.replica_lag : "${replica}-replica-lag" => alarm.alarm_name },
  )
}
