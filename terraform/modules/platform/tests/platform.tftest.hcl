mock_provider "aws" {
  source = "./tests/mocks"
}

mock_provider "aws" {
  alias  = "dr"
  source = "./tests/mocks"
}

variables {
  name          = "tandem-test"
  environment   = "test"
  load_balancer = { domain = { name = "jobs.example.com", zone_id = "Z0123456789ABCDEFGHIJ" } }
  # It takes seconds to make up values for a firewall; one run has it.
  without = ["waf"]
  budget  = { limit_usd = 100 }
  images = {
    digests = {
      api    = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
      worker = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
    }
  }
}

# Making all of it takes a while, so one run looks at everything.
run "everything_is_made_wired_and_told" {
  assert {
    condition     = output.url == "https://jobs.example.com" && output.deploy.cluster == "tandem-test" && output.deploy.verify_key_secret == "tandem-test/verify-key"
    error_message = "Clients and the deploy program must be told where things are."
  }
  assert {
    condition     = output.deploy.services.api.codedeploy.app == "tandem-test-api" && output.deploy.services.api.codedeploy.group == "api" && output.deploy.services.worker.codedeploy == null
    error_message = "The api goes by canary, the worker does not."
  }
  assert {
    condition     = [for service in ["api", "worker"] : output.deploy.services[service].digest_parameters.digest] == ["/tandem-test/api/digest", "/tandem-test/worker/digest"] && output.deploy.migrate.family == "tandem-test-migrate"
    error_message = "The deploy program must find what it reads and writes."
  }
  assert {
    condition     = aws_ssm_parameter.deploy.name == "/tandem-test/deploy" && jsondecode(aws_ssm_parameter.deploy.insecure_value) == jsondecode(jsonencode(output.deploy))
    error_message = "The deploy program must find all that it must know by the environment's name."
  }
  # The deploy program is tested with this file.
  assert {
    condition = length(toset([for facts in [output.deploy, jsondecode(file("../../../crates/deploy/tests/it/cloud/facts.json"))] : jsonencode([
      keys(facts), [for service in ["api", "worker"] : keys(facts.services[service])], keys(facts.services.api.codedeploy),
      keys(facts.services.api.digest_parameters), keys(facts.migrate),
    ])])) == 1
    error_message = "What the deploy program is told must be what its tests tell it: ${jsonencode(output.deploy)}"
  }
  # A standard parameter, which costs nothing, has no more.
  assert {
    condition     = length(aws_ssm_parameter.deploy.insecure_value) < 4096
    error_message = "What the deploy program must know must fit into a parameter."
  }
  assert {
    condition = (alltrue([for service in ["api", "worker"] : output.deploy.services[service].template == { api = module.api, worker = module.worker }[service].task_definition_arn])
      && output.deploy.migrate.template == module.migrate.task_definition_arn
    && output.deploy.is_scaled && output.deploy.environment == "test" && output.deploy.url == output.url)
    error_message = "The deploy program must know the settings of the next release, and where to try it."
  }
  assert {
    condition     = keys(output.queue_urls) == ["default", "high", "low"] && join(" ", keys(output.repository_urls)) == "tandem/api tandem/worker" && keys(output.secret_names) == ["database/api", "database/worker", "operator-key", "pepper", "verify-key"]
    error_message = "Each lane has its queues, each program its repository, each secret its place."
  }
  assert {
    condition = { for key, secret in local.secrets : key => [secret.writers == [module.migrate.task_role_arn], contains(secret.readers, module.migrate.task_role_arn), length(secret.readers)] } == {
      "database/api"    = [true, true, 2]
      "database/worker" = [true, true, 2]
      "operator-key"    = [true, true, 1]
      "pepper"          = [true, true, 2]
      "verify-key"      = [true, true, 1]
    }
    error_message = "Only the task that migrates gives secrets their first values; a program reads its own besides, and nobody's task the keys."
  }
  assert {
    condition = (
      { for setting, key in { API_LOGIN = "database/api", WORKER_LOGIN = "database/worker", PEPPER = "pepper", OPERATOR_KEY = "operator-key", VERIFY_KEY = "verify-key" } : key => local.migrate_environment["TANDEM_${setting}_SECRET_ARN"] } == module.secrets.arns
      && local.migrate_environment.TANDEM_KEY_ENVIRONMENT == "test" && local.migrate_environment.PGSSLROOTCERT == "/app/rds-ca.pem"
    )
    error_message = "The task that migrates must know all that it makes."
  }
  assert {
    condition     = output.copies.vault_arn != null && output.copies.automated_backups_arn != null && length(module.budget) == 1 && local.replica_region != null
    error_message = "There must be copies of backups and secrets elsewhere, and a budget."
  }
  assert {
    condition = length(setsubtract([
      for alarm in ["workers", "api-cpu", "worker-missing-tasks", "database-connections", "high-dead-letters"] : "tandem-test-${alarm}"
    ], output.alarm_names)) == 0
    error_message = "The alarms of all parts must be told."
  }
  assert {
    condition     = local.database_alarms.connections == 144
    error_message = "Of the 180 connections that a small allows, 144 are too many."
  }
  assert {
    condition     = length(output.egress_ips) == 1 && module.network.task_subnet_ids == module.network.private_subnet_ids
    error_message = "Tasks must stand in private subnets, behind one address."
  }
  assert {
    condition     = local.common_environment.TANDEM_QUEUES == "default,high,low" && startswith(local.common_environment.TANDEM_SQS_QUEUE_URLS, "default=https://sqs.") && length(split(",", local.common_environment.TANDEM_SQS_DEAD_LETTER_QUEUE_URLS)) == 3
    error_message = "Each lane must have a queue and a dead-letter queue, in the form that the programs read."
  }
  assert {
    condition     = local.common_environment.TANDEM_DATABASE_HOST == module.database.endpoint && local.common_environment.PGSSLROOTCERT == "/app/rds-ca.pem"
    error_message = "The database must be found, and its certificate be checked."
  }
  assert {
    condition     = length(local.key_policies) == 0
    error_message = "Without a key of one's own there is nothing to decrypt."
  }
  assert {
    condition     = local.worker_load.expression == "MAX([FILL(waiting_0, 0) + FILL(waiting_1, 0) + FILL(waiting_2, 0), FILL(backlog_0, 0) + FILL(backlog_1, 0) + FILL(backlog_2, 0)]) + FILL(running_0, 0) + FILL(running_1, 0) + FILL(running_2, 0)" && local.worker_load.per_task == 70
    error_message = "What waits, in the queues or in the database, and what runs must be the load."
  }
  assert {
    condition     = length(local.worker_load.metrics) == 9 && length(local.worker_age.metrics) == 6
    error_message = "One expression may look at ten metrics, and one of them is the number of tasks."
  }
  assert {
    condition     = local.worker_load.metrics.backlog_0.name == "tandem_queued_jobs" && local.worker_load.metrics.backlog_0.namespace == "Tandem" && local.worker_load.metrics.backlog_0.dimensions == { Service = "worker", Environment = "test", queue = "default" }
    error_message = "The backlog must be the metric that the worker publishes."
  }
  assert {
    condition     = local.worker_load.metrics.running_1.dimensions == { QueueName = "tandem-test-high" }
    error_message = "Each lane's queue must be looked at by its name."
  }
}

run "services_publish_what_is_looked_at" {
  command = plan

  variables {
    monitoring = { cost = { month_usd = 160, million_jobs_usd = 2 } }
  }

  assert {
    condition     = output.cost == { month_usd = 160, million_jobs_usd = 2 }
    error_message = "The dashboards must know the bill."
  }

  assert {
    condition     = local.common_environment.TANDEM_METRICS_EMF == "on" && local.common_environment.TANDEM_ENVIRONMENT == local.worker_load.metrics.backlog_0.dimensions.Environment
    error_message = "What alarms and scaling look at must be published, by the same dimensions."
  }
  assert {
    condition     = length(local.traces_environment) == 0 && length(local.traces_secrets) == 0
    error_message = "Nothing must be sent anywhere unless somebody says where."
  }
}

run "traces_are_sent_where_somebody_says" {
  command = plan

  variables {
    traces = {
      otlp_endpoint      = "https://otlp.example.com"
      headers_secret_arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:otlp-AbCdEf"
      sample_ratio       = 0.25
    }
  }

  assert {
    condition     = local.common_environment.OTEL_EXPORTER_OTLP_ENDPOINT == "https://otlp.example.com" && local.common_environment.OTEL_TRACES_SAMPLER == "parentbased_traceidratio" && local.common_environment.OTEL_TRACES_SAMPLER_ARG == "0.25"
    error_message = "The programs must be told where traces go, and how many."
  }
  assert {
    condition     = local.traces_secrets.OTEL_EXPORTER_OTLP_HEADERS == var.traces.headers_secret_arn && length(local.traces_secrets) == 1 && !contains(keys(local.common_environment), "OTEL_EXPORTER_OTLP_HEADERS")
    error_message = "What the endpoint wants to hear must come from its secret, and stand in no definition of a task."
  }
}

run "without_metrics_of_their_own_sqs_decides" {
  command = plan

  variables {
    monitoring = { application_metrics = false }
  }

  assert {
    condition     = local.common_environment.TANDEM_METRICS_EMF == "off"
    error_message = "What nobody looks at must not be published."
  }

  assert {
    condition     = local.worker_load.expression == "FILL(waiting_0, 0) + FILL(waiting_1, 0) + FILL(waiting_2, 0) + FILL(running_0, 0) + FILL(running_1, 0) + FILL(running_2, 0)" && keys(local.worker_age.metrics) == ["oldest_0", "oldest_1", "oldest_2"]
    error_message = "What nobody publishes must not be looked at."
  }
}

run "images_can_come_from_another_account" {
  command = plan

  variables {
    images = { create = false, registry = "444455556666.dkr.ecr.eu-west-1.amazonaws.com" }
  }

  assert {
    condition     = local.images.worker.repository_url == "444455556666.dkr.ecr.eu-west-1.amazonaws.com/tandem/worker" && local.images.worker.repository_arn == "arn:aws:ecr:eu-west-1:444455556666:repository/tandem/worker" && local.images.worker.digest == null
    error_message = "The repository must be named in the other account."
  }
  assert {
    condition     = length(module.ecr) == 0 && length(output.repository_urls) == 0
    error_message = "No repository must be made here."
  }
}

run "a_customers_key_is_used_by_tasks" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  }

  assert {
    condition     = jsondecode(local.key_policies.key).Statement[0].Resource == [var.kms_key_arn] && jsondecode(local.key_policies.key).Statement[0].Action == ["kms:Decrypt", "kms:GenerateDataKey"]
    error_message = "Tasks must be able to use this key, and no other."
  }
}
