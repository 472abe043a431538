# The programs. What they are told here are the settings that `api --help` and `worker --help` list; the image has them in
# /app, and the certificates of RDS's authorities beside them.

locals {
  on_network = {
    vpc_id           = module.network.vpc_id
    subnet_ids       = module.network.task_subnet_ids
    assign_public_ip = module.network.assign_public_ip
  }
  in_cluster = { arn = module.cluster.arn, name = module.cluster.name }

  # Whom all of them connect to. The database opens itself to them, the endpoints do not.
  reaches = merge(
    { database = { sg_id = module.database.sg_id, port = module.database.port } },
    length(var.network.interface_endpoints) == 0 ? {} : {
      endpoints = { sg_id = module.network.endpoint_sg_id, port = 443, open = true }
    },
  )

  # What the api and the migration call besides the database, all of it AWS: an image's parts, the log, secrets, queues. Without
  # an endpoint for each, or with traces that go to somebody else, they get there over the internet, as the worker does anyway.
  called = {
    api     = ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "sqs"]
    migrate = ["ecr.api", "ecr.dkr", "logs", "secretsmanager"]
  }
  # An endpoint is for one region; images of another one are not behind it.
  has_images_here = var.images.create || try(local.registry[3], null) == data.aws_region.current.name
  internet_ports = { for program, services in local.called : program => (
    local.has_images_here && length(setsubtract(services, var.network.interface_endpoints)) == 0 && (program != "api" || var.traces == null) ? [] : [443]
  ) }
  # Layers of images lie in S3, behind a gateway that is always there.
  gateways = { for program, ports in local.internet_ports : program => length(ports) == 0 ? { s3 = module.network.s3_prefix_list_id } : {} }

  certificates = "/app/rds-ca.pem"
  database_environment = {
    TANDEM_DATABASE_HOST = module.database.endpoint
    TANDEM_DATABASE_PORT = tostring(module.database.port)
    TANDEM_DATABASE_NAME = module.database.db_name
    PGSSLROOTCERT        = local.certificates
  }
  common_environment = merge(local.database_environment, {
    TANDEM_QUEUE                      = "sqs"
    TANDEM_QUEUES                     = join(",", sort(var.lanes))
    TANDEM_SQS_QUEUE_URLS             = join(",", [for lane in sort(var.lanes) : "${lane}=${module.queue[lane].url}"])
    TANDEM_SQS_DEAD_LETTER_QUEUE_URLS = join(",", [for lane in sort(var.lanes) : "${lane}=${module.queue[lane].dlq_url}"])
    TANDEM_LOG_FORMAT                 = "json"
    TANDEM_ENVIRONMENT                = var.environment
    # Lines of the log, from which CloudWatch makes the metrics that the module observability looks at.
    TANDEM_METRICS_EMF = var.monitoring.application_metrics ? "on" : "off"
  }, local.traces_environment)

  # The programs send traces themselves: there is no collector beside them.
  traces_environment = var.traces == null ? {} : {
    OTEL_EXPORTER_OTLP_ENDPOINT = var.traces.otlp_endpoint
    OTEL_TRACES_SAMPLER         = "parentbased_traceidratio"
    OTEL_TRACES_SAMPLER_ARG     = tostring(var.traces.sample_ratio)
  }
  traces_secrets = try(var.traces.headers_secret_arn, null) == null ? {} : {
    OTEL_EXPORTER_OTLP_HEADERS = var.traces.headers_secret_arn
  }

  # The policies of queues and secrets let the roles in; a customer's key asks for a statement of its own.
  key_policies = { for key in var.kms_key_arn[*] : "key" => jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "UseTheKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = [key]
    }]
  }) }

  alarms = !var.monitoring.alarms ? null : {
    page_topic_arns   = [module.observability.topic_arns.page]
    ticket_topic_arns = [module.observability.topic_arns.ticket]
  }
}

module "api" {
  source = "../ecs-service"

  name    = var.name
  service = "api"
  cluster = local.in_cluster
  image   = local.images.api
  size    = { cpu = var.api.cpu, memory = var.api.memory }

  environment = merge(local.common_environment, {
    TANDEM_API_ADDR                 = "0.0.0.0:8080"
    TANDEM_DATABASE_SECRET_ARN      = module.secrets.arns["database/api"]
    TANDEM_DATABASE_MAX_CONNECTIONS = tostring(var.api.connections)
    TANDEM_DATABASE_MIN_CONNECTIONS = tostring(min(5, var.api.connections))
    TANDEM_KEY_ENVIRONMENT          = var.environment
  }, var.api.environment)
  secrets              = merge({ TANDEM_KEY_PEPPER = module.secrets.arns["pepper"] }, local.traces_secrets)
  secrets_kms_key_arn  = var.kms_key_arn
  task_policies        = local.key_policies
  health_check_command = ["/app/api", "healthcheck"]
  log_retention_days   = var.monitoring.log_retention_days

  permissions_boundary_arn = local.permissions_boundary_arn

  network = local.on_network
  egress  = { internet_ports = local.internet_ports.api, prefix_list_ids = local.gateways.api, security_groups = local.reaches }
  port    = 8080
  load_balancer = {
    sg_id              = module.load_balancer.sg_id
    https_listener_arn = module.load_balancer.https_listener_arn
    test_listener_arn  = module.load_balancer.test_listener_arn
    arn_suffix         = module.load_balancer.arn_suffix
  }

  desired_count = var.api.tasks
  capacity = {
    on_demand_base   = var.api.spot ? 0 : 1
    on_demand_weight = var.api.spot ? 0 : 1
    spot_weight      = var.api.spot ? 1 : 0
  }
  deployment = {
    strategy              = local.is_canary ? "codedeploy_canary" : "rolling"
    canary_percent        = var.api.canary_percent
    bake_minutes          = var.api.bake_minutes
    keep_previous_minutes = var.api.keep_previous_minutes
    alarm_names           = var.monitoring.alarms ? module.observability.rollback_alarm_names.api : []
  }
  autoscaling = local.without.autoscaling ? null : {
    max                 = var.api.max_tasks
    cpu_percent         = var.api.cpu_percent
    memory_percent      = var.api.memory_percent
    requests_per_minute = var.api.requests_per_minute
    office_hours        = var.office_hours
  }
  alarms       = local.alarms
  runbook_base = var.monitoring.runbook_base
}

module "worker" {
  source = "../ecs-service"

  name    = var.name
  service = "worker"
  cluster = local.in_cluster
  image   = local.images.worker
  size    = { cpu = var.worker.cpu, memory = var.worker.memory }

  environment = merge(local.common_environment, {
    TANDEM_OPS_ADDR                 = "127.0.0.1:9090"
    TANDEM_DATABASE_SECRET_ARN      = module.secrets.arns["database/worker"]
    TANDEM_DATABASE_MAX_CONNECTIONS = tostring(var.worker.connections)
    TANDEM_DATABASE_MIN_CONNECTIONS = tostring(min(5, var.worker.connections))
    TANDEM_WORKER_CONCURRENCY       = tostring(var.worker.concurrency)
    TANDEM_STOP_TIMEOUT_SECS        = "120"
  }, var.worker.environment)
  secrets              = local.traces_secrets
  secrets_kms_key_arn  = var.kms_key_arn
  task_policies        = local.key_policies
  health_check_command = ["/app/worker", "healthcheck"]
  stop_timeout_seconds = 120
  log_retention_days   = var.monitoring.log_retention_days

  permissions_boundary_arn = local.permissions_boundary_arn

  network = local.on_network
  egress = {
    internet_ports  = setunion([443], var.worker.target_ports)
    security_groups = local.reaches
  }

  desired_count = var.worker.tasks
  capacity = {
    on_demand_base   = var.worker.on_demand_base
    on_demand_weight = var.worker.on_demand_weight
    spot_weight      = var.worker.spot_weight
  }
  deployment = {
    strategy = "rolling"
    alarm_names = !var.monitoring.alarms ? [] : concat(
      module.observability.rollback_alarm_names.worker,
      [for queue in module.queue : queue.alarm_names.age],
    )
  }
  autoscaling = local.without.autoscaling ? null : {
    max          = var.worker.max_tasks
    load         = local.worker_load
    age          = local.worker_age
    office_hours = var.office_hours
  }
  alarms       = local.alarms
  runbook_base = var.monitoring.runbook_base
}

locals {
  # RDS always makes this secret; emulators do not, and there the definition of the task is only there to be looked at.
  administrator = coalesce(module.database.master_secret_arn, module.secrets.arns["database/api"])

  migrate_environment = {
    DATABASE_URL                   = "postgres://${module.database.endpoint}:${module.database.port}/${module.database.db_name}?sslmode=verify-full"
    PGSSLROOTCERT                  = local.certificates
    TANDEM_KEY_ENVIRONMENT         = var.environment
    TANDEM_API_LOGIN_SECRET_ARN    = module.secrets.arns["database/api"]
    TANDEM_WORKER_LOGIN_SECRET_ARN = module.secrets.arns["database/worker"]
    TANDEM_PEPPER_SECRET_ARN       = module.secrets.arns["pepper"]
    TANDEM_OPERATOR_KEY_SECRET_ARN = module.secrets.arns["operator-key"]
    TANDEM_VERIFY_KEY_SECRET_ARN   = module.secrets.arns["verify-key"]
    # Goes into the logins' secrets, for a function that rotates them.
    TANDEM_MASTER_SECRET_ARN = local.administrator
  }
}

# Migrations run before each release, as a task that ends. They alone have the administrator's password, for as long, and make
# what is there once: the programs' logins, the pepper, the key that verifies releases, and with another command the operators'
# first key.
module "migrate" {
  source = "../ecs-service"

  name       = var.name
  service    = "migrate"
  runs       = "once"
  cluster    = local.in_cluster
  image      = local.images.api
  entrypoint = ["/app/tandem"]
  command    = ["migrate"]

  environment = local.migrate_environment
  secrets = {
    PGUSER     = "${local.administrator}:username::"
    PGPASSWORD = "${local.administrator}:password::"
  }
  secrets_kms_key_arn = var.kms_key_arn
  task_policies       = local.key_policies
  log_retention_days  = var.monitoring.log_retention_days

  permissions_boundary_arn = local.permissions_boundary_arn

  network = local.on_network
  egress  = { internet_ports = local.internet_ports.migrate, prefix_list_ids = local.gateways.migrate, security_groups = local.reaches }
}
