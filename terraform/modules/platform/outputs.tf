output "url" {
  description = "Where clients find the api; null when the certificate, and so the name, is somebody else's."
  value       = module.load_balancer.url
}

output "load_balancer" {
  description = "The load balancer's own name and zone, for DNS that somebody else looks after."
  value       = { dns_name = module.load_balancer.dns_name, zone_id = module.load_balancer.zone_id }
}

output "egress_ips" {
  description = "The addresses that targets of jobs see."
  value       = module.network.egress_ips
}

output "deploy" {
  description = "All that the deploy program must know, as it finds it in the parameter /<name>/deploy: cluster, families, services, parameters of digests, and where migrations run."
  value       = local.deploy
}

output "roles" {
  description = "The roles of tasks, for policies of those who start them: by program, task_role_arn and execution_role_arn."
  value = { for program, module in { api = module.api, worker = module.worker, migrate = module.migrate } : program => {
    task_role_arn      = module.task_role_arn
    execution_role_arn = module.execution_role_arn
  } }
}

output "database" {
  description = "The database: endpoint, port and name, and the secret of its administrator."
  value = {
    endpoint          = module.database.endpoint
    port              = module.database.port
    name              = module.database.db_name
    identifier        = module.database.identifier
    master_secret_arn = module.database.master_secret_arn
  }
}

output "queue_urls" {
  description = "The queue and the dead-letter queue of each lane."
  value       = { for lane, queue in module.queue : lane => { url = queue.url, dlq_url = queue.dlq_url } }
}

output "secret_names" {
  description = "The secrets: pepper, database/api, database/worker and verify-key, which the first migration fills, and operator-key, which tandem found-operator fills."
  value       = module.secrets.names
}

output "repository_urls" {
  description = "Where images are pushed; none where they come from another account."
  value       = var.images.create ? module.ecr[0].repository_urls : {}
}

output "topic_arns" {
  description = "The topics that alarms tell: page and ticket."
  value       = module.observability.topic_arns
}

output "alarm_names" {
  description = "The alarms of all parts; none with monitoring.alarms = false."
  value = sort(concat(
    module.observability.alarm_names,
    values(module.database.alarm_names),
    flatten([for part in concat([module.api, module.worker], values(module.queue)) : values(part.alarm_names)]),
  ))
}

output "dashboard_names" {
  description = "The dashboards by what they show."
  value       = module.observability.dashboard_names
}

output "cost" {
  description = "What the environment costs, as its dashboards have it: dollars a month without jobs, and for each million jobs; null where they show none."
  value       = module.observability.cost
}

output "application_metrics" {
  description = "Whether the services publish metrics of their own, which cost something."
  value       = var.monitoring.application_metrics
}

output "copies" {
  description = "What is needed to start in the second region: the copied backups, and the vault and key there; null without copies."
  value = local.copies == 0 ? null : {
    automated_backups_arn = module.dr[0].automated_backups_arn
    vault_arn             = module.dr[0].vault_arn
    kms_key_arn           = module.dr[0].kms_key_arn
  }
}
