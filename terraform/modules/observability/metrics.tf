# What the services publish to CloudWatch is listed once, in metrics.json: the metric's name in the code, the service that
# publishes it, and the sets of labels that become dimensions beside Service and Environment. A set more is money more, so
# only what an alarm or a dashboard shows is there. What is used here and is not in the list fails the plan.

locals {
  published = jsondecode(file("${path.module}/metrics.json"))
  namespace = local.published.namespace
  metrics   = local.published.metrics

  # Dimensions of a metric, as a map, for alarms.
  dimensions = {
    for key, metric in local.metrics : key => { Service = metric.service, Environment = var.environment }
  }
  lane_names = sort(keys(var.lanes))
  on_sqs     = { for name, lane in var.lanes : name => lane if lane.queue_name != null }
}
