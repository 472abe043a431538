# What the worker is scaled by: what waits and what runs, over all lanes. On SQS only as much is announced as is taken soon,
# so what waits there is a few; where the services publish it, the true backlog in the database counts if it is more.

locals {
  lanes = sort(var.lanes)
  # With four lanes there is no room for the backlog: an expression looks at ten metrics.
  has_backlog = var.monitoring.application_metrics && length(local.lanes) <= 3

  lane_metrics = { for index, lane in local.lanes : lane => {
    sqs = { for id, name in {
      waiting = "ApproximateNumberOfMessagesVisible"
      running = "ApproximateNumberOfMessagesNotVisible"
      oldest  = "ApproximateAgeOfOldestMessage"
      } : "${id}_${index}" => { namespace = "AWS/SQS", name = name, dimensions = { QueueName = module.queue[lane].name } }
    }
    application = { for id, key in {
      backlog = "queued_jobs"
      since   = "oldest_queued"
      } : "${id}_${index}" => {
      namespace  = module.observability.published_metrics.namespace
      name       = module.observability.published_metrics.metrics[key].name
      dimensions = { Service = "worker", Environment = var.environment, queue = lane }
    } }
  } }
  metrics = merge(flatten([for lane in values(local.lane_metrics) : [lane.sqs, lane.application]])...)

  # FILL, because SQS tells nothing about a queue that nobody has used for hours.
  sum_of = { for id in ["waiting", "running", "backlog"] : id => join(" + ", [for index, lane in local.lanes : "FILL(${id}_${index}, 0)"]) }

  worker_load = {
    per_task   = floor(var.worker.concurrency * var.worker.load_percent / 100)
    expression = local.has_backlog ? "MAX([${local.sum_of.waiting}, ${local.sum_of.backlog}]) + ${local.sum_of.running}" : "${local.sum_of.waiting} + ${local.sum_of.running}"
    metrics    = { for id, metric in local.metrics : id => metric if can(regex(local.has_backlog ? "^(waiting|running|backlog)_" : "^(waiting|running)_", id)) }
  }

  worker_age = {
    seconds    = var.worker.age_seconds
    expression = "MAX([${join(", ", [for id in keys(local.age_metrics) : "FILL(${id}, 0)"])}])"
    metrics    = local.age_metrics
  }
  age_metrics = { for id, metric in local.metrics : id => metric if can(regex(local.has_backlog ? "^(oldest|since)_" : "^oldest_", id)) }
}
