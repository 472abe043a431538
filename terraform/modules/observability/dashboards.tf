# Dashboards are lists of widgets, two in a row; `series` are metrics as CloudWatch writes them. What the services publish
# comes from the list in metrics.json, so no dashboard shows a metric that nobody publishes.

locals {
  # The part of a series that is common to all of one metric.
  series = {
    for key, metric in local.metrics : key => [local.namespace, metric.name, "Service", metric.service, "Environment", var.environment]
  }
  # A search, for labels whose values are not known here, such as the kinds of jobs.
  searches = {
    for key, label in { attempts = "kind", attempt_duration = "kind" } : key => {
      for stat in ["Sum", "p95"] : stat => [[{
        expression = "SEARCH('{${local.namespace},Service,Environment,${label}} MetricName=\"${local.metrics[key].name}\" Service=\"${local.metrics[key].service}\" Environment=\"${var.environment}\"', '${stat}', 60)"
      }]]
    }
  }

  ecs = {
    for role in ["api", "worker"] : role => flatten([
      for service in [lookup(var.services, role, null)] : [
        {
          title  = "CPU and memory, percent", stat = "Average"
          series = [for metric in ["CPUUtilization", "MemoryUtilization"] : ["AWS/ECS", metric, "ClusterName", service.cluster, "ServiceName", service.service]]
        },
        {
          # The free metric has one sample per task and minute.
          title  = "Tasks that run", stat = "SampleCount"
          series = [["AWS/ECS", "CPUUtilization", "ClusterName", service.cluster, "ServiceName", service.service, { label = "tasks" }]]
        },
      ] if service != null
    ])
  }

  load_balancer = [
    for widget in [
      { title = "Requests at the load balancer", metrics = ["RequestCount"] },
      { title = "Errors at the load balancer", metrics = ["HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count", "HTTPCode_Target_4XX_Count"] },
    ] :
    {
      title  = widget.title
      stat   = "Sum"
      series = [for metric in widget.metrics : ["AWS/ApplicationELB", metric, "LoadBalancer", var.load_balancer.arn_suffix]]
    } if var.load_balancer != null
  ]

  database = [
    for widget in [
      { title = "CPU, percent, and credits", metrics = ["CPUUtilization", "CPUCreditBalance"] },
      { title = "Connections", metrics = ["DatabaseConnections"] },
      { title = "Latency of the volume, seconds", metrics = ["ReadLatency", "WriteLatency"] },
      { title = "Operations of the volume per second", metrics = ["ReadIOPS", "WriteIOPS"] },
      { title = "Free storage and memory, bytes", metrics = ["FreeStorageSpace", "FreeableMemory"] },
      { title = "Transaction ids in use", metrics = ["MaximumUsedTransactionIDs"] },
    ] :
    {
      title  = widget.title
      stat   = "Average"
      series = [for metric in widget.metrics : ["AWS/RDS", metric, "DBInstanceIdentifier", var.database_identifier]]
    } if var.database_identifier != null
  ]

  # No metric knows the bill, so it is a formula: what the months cost so far in the graph, by the jobs that ended so far.
  # Without any there is no point, since CloudWatch drops what is divided by 0. A month is 730 hours, as in docs/cost.md.
  cost = [
    for cost in [var.cost] : {
      title = "Dollars for each million jobs that end, over what is shown", stat = "Sum"
      # CloudWatch keeps values of a minute for 15 days, and those of five for 63, so that a month can be shown.
      period = 300
      series = concat(
        [for id, event in { good = "succeeded", bad = "failed", gone = "cancelled" } : concat(local.series.attempts, ["event", event, { id = id, visible = false }])],
        [[{
          expression = "RUNNING_SUM(TIME_SERIES(PERIOD(good)))*${cost.month_usd}/${730 * 3600}*1000000/RUNNING_SUM(FILL(SUM([good,bad,gone]),0))+${cost.million_jobs_usd}"
          label      = "dollars"
        }]],
      )
    } if cost != null
  ]

  widgets = {
    api = concat(
      [
        {
          title  = "Requests by what they are about", stat = "SampleCount"
          series = [for operation in ["submit", "read", "change"] : concat(local.series.http_request_duration, ["operation", operation])]
        },
        {
          title  = "Time to answer submits, seconds", stat = "p50"
          series = [for stat in ["p50", "p95", "p99"] : concat(local.series.http_request_duration, ["operation", "submit", { stat = stat, label = stat }])]
        },
      ],
      local.load_balancer,
      [{
        title  = "Connections to the database", stat = "Maximum"
        series = [for state in ["busy", "idle"] : concat(local.series.api_pool_connections, ["state", state])]
      }],
      local.ecs.api,
    )
    worker = concat(
      [
        {
          title  = "Due until started, seconds", stat = "p50"
          series = [for stat in ["p50", "p95", "p99"] : concat(local.series.pickup, [{ stat = stat, label = stat }])]
        },
        {
          title = "Attempts by how they ended", stat = "Sum"
          series = concat(
            [for event in ["succeeded", "retry_scheduled", "failed", "snoozed", "released", "cancelled"] : concat(local.series.attempts, ["event", event])],
            [concat(local.series.own_failures, [{ label = "failed, by our own doing" }])],
          )
        },
        { title = "Time of handlers by kind, p95, seconds", stat = "p95", series = local.searches.attempt_duration["p95"] },
        { title = "Jobs that run", stat = "Sum", series = [local.series.jobs_running] },
        {
          title = "Lost leases and failed heartbeats", stat = "Sum"
          series = [
            concat(local.series.finishes, ["answer", "lease_lost"]),
            concat(local.series.heartbeats, ["result", "failed"]),
          ]
        },
        { title = "Workers and leaders", stat = "Maximum", series = [local.series.workers, local.series.maintenance_leader] },
        { title = "Failures of the maintenance, blocked handlers", stat = "Sum", series = [local.series.maintenance_failures, local.series.blocked_handlers] },
        { title = "Breakers of targets", stat = "Sum", series = [for to in ["open", "half_open", "closed"] : concat(local.series.breaker_transitions, ["to", to])] },
        {
          title  = "Connections to the database", stat = "Maximum"
          series = [for state in ["busy", "idle"] : concat(local.series.worker_pool_connections, ["state", state])]
        },
      ],
      local.ecs.worker,
    )
    queues = concat(
      [
        { title = "Queued jobs", stat = "Maximum", series = [for lane in local.lane_names : concat(local.series.queued_jobs, ["queue", lane])] },
        { title = "Age of the oldest queued job, seconds", stat = "Maximum", series = [for lane in local.lane_names : concat(local.series.oldest_queued, ["queue", lane])] },
        { title = "Doorbells: received, and found without", stat = "Sum", series = [local.series.deliveries, local.series.unheard_doorbells] },
        { title = "Scheduled jobs that are overdue, seconds", stat = "Maximum", series = [local.series.overdue] },
      ],
      [
        for widget in [
          { title = "Doorbells that wait in SQS", metric = "ApproximateNumberOfMessagesVisible", is_dead = false },
          { title = "Doorbells in flight", metric = "ApproximateNumberOfMessagesNotVisible", is_dead = false },
          { title = "Age of the oldest doorbell, seconds", metric = "ApproximateAgeOfOldestMessage", is_dead = false },
          { title = "Dead letters in SQS", metric = "ApproximateNumberOfMessagesVisible", is_dead = true },
        ] :
        {
          title = widget.title
          stat  = "Maximum"
          series = [
            for lane, queue in local.on_sqs : ["AWS/SQS", widget.metric, "QueueName", widget.is_dead ? queue.dlq_name : queue.queue_name, { label = lane }]
          ]
        } if length(local.on_sqs) > 0
      ],
    )
    database = concat(local.database, [{
      title = "Busy connections of the services", stat = "Sum"
      series = [
        concat(local.series.api_pool_connections, ["state", "busy", { label = "api" }]),
        concat(local.series.worker_pool_connections, ["state", "busy", { label = "worker" }]),
      ]
    }])
    business = concat(
      [
        {
          title = "Jobs accepted, by way", stat = "Sum"
          # The worker fires schedules when their time has come, the api when somebody says so.
          series = concat(
            [for via, label in { single = "single", batch = "batch", schedule = "schedule, by hand" } : concat(local.series.jobs_submitted, ["via", via, { label = label }])],
            [concat(local.series.jobs_fired, [{ label = "schedule" }])],
          )
        },
        {
          title = "Jobs by state, now", stat = "Maximum"
          series = concat(
            [concat(local.series.scheduled_jobs, [{ label = "scheduled" }])],
            [for lane in local.lane_names : concat(local.series.queued_jobs, ["queue", lane, { label = "queued, ${lane}" }])],
            [concat(local.series.jobs_running, [{ label = "running", stat = "Sum" }]), concat(local.series.dead_letters, [{ label = "failed" }])],
          )
        },
        {
          # Of a job's last attempt; who cancels a job that waits ends it without one.
          title = "Jobs that ended, by state", stat = "Sum"
          series = concat(
            [for event, label in { succeeded = "succeeded", failed = "failed", cancelled = "cancelled while they ran" } : concat(local.series.attempts, ["event", event, { label = label }])],
            [concat(local.series.jobs_expired, [{ label = "expired" }])],
          )
        },
        { title = "Attempts by kind", stat = "Sum", series = local.searches.attempts["Sum"] },
        {
          title = "Share of attempts that are retried or fail", stat = "Sum"
          series = concat(
            [for id, event in { good = "succeeded", again = "retry_scheduled", bad = "failed" } : concat(local.series.attempts, ["event", event, { id = id, visible = false }])],
            [
              [{ expression = "FILL(again,0)/(FILL(good,0)+FILL(again,0)+FILL(bad,0))", label = "retried" }],
              [{ expression = "FILL(bad,0)/(FILL(good,0)+FILL(again,0)+FILL(bad,0))", label = "failed for good" }],
            ],
          )
        },
        { title = "Dead letters", stat = "Maximum", series = [local.series.dead_letters] },
        { title = "Age of the oldest queued job, seconds", stat = "Maximum", series = [for lane in local.lane_names : concat(local.series.oldest_queued, ["queue", lane])] },
        { title = "Schedules by what they did", stat = "Sum", series = [for result in ["fired", "skipped", "over_quota", "failed"] : concat(local.series.schedule_fires, ["result", result])] },
      ],
      local.cost,
    )
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  for_each = var.dashboards

  dashboard_name = "${var.name}-${each.key}"
  dashboard_body = jsonencode({
    periodOverride = "inherit"
    widgets = [
      for index, widget in local.widgets[each.key] : {
        type   = "metric"
        x      = index % 2 * 12
        y      = floor(index / 2) * 6
        width  = 12
        height = 6
        properties = {
          title   = widget.title
          region  = local.region
          view    = "timeSeries"
          period  = try(widget.period, 60)
          stat    = widget.stat
          metrics = widget.series
        }
      }
    ]
  })
}
