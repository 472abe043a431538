module "observability" {
  source = "../observability"

  name                = var.name
  environment         = var.environment
  application_metrics = var.monitoring.application_metrics
  load_balancer       = { arn_suffix = module.load_balancer.arn_suffix }
  certificate         = { arn = module.load_balancer.certificate_arn }
  # By name, not by the services' own outputs: their deployments look at the alarms that are made here.
  services = { for service in ["api", "worker"] : service => {
    cluster    = var.name
    service    = service
    codedeploy = service == "api" && local.is_canary ? "${var.name}-api" : null
  } }
  lanes = { for lane in var.lanes : lane => {
    queue_name = "${var.name}-${lane}"
    dlq_name   = "${var.name}-${lane}-dead"
  } }
  database_identifier = var.name
  alarms              = var.monitoring.alarms
  released            = module.api.is_released && module.worker.is_released
  sleeps              = var.office_hours != null && !local.without.autoscaling
  burn_rate_alarms    = var.monitoring.burn_rate_alarms
  dashboards          = var.monitoring.dashboards
  cost                = var.monitoring.cost
  subscribers         = var.monitoring.subscribers
  runbook_base        = var.monitoring.runbook_base
}

module "budget" {
  count  = var.budget == null || local.without.budget ? 0 : 1
  source = "../budget"

  name       = var.name
  limit_usd  = var.budget.limit_usd
  tag_filter = { key = "Environment", value = var.environment }
  emails     = var.budget.emails
  topic_arns = [module.observability.topic_arns.ticket]
  anomalies  = { enabled = var.budget.anomalies }
}
