# The environment as terraform.tfvars has it, planned against a mock.

mock_provider "aws" {
  source          = "../../modules/platform/tests/mocks"
  override_during = plan
}

mock_provider "aws" {
  alias           = "dr"
  source          = "../../modules/platform/tests/mocks"
  override_during = plan
}

# What only an account knows.
variables {
  domain      = { name = "jobs.example.com", zone_id = "Z0123456789ABCDEFGHIJ" }
  registry    = "444455556666.dkr.ecr.eu-west-1.amazonaws.com"
  subscribers = { page = ["https://events.example.com/integration"], ticket = ["team@example.com"] }
}

run "production_survives_a_zone_and_a_bad_version" {
  command = plan

  assert {
    condition     = output.platform.deploy.services.api.least_tasks == 2 && output.platform.deploy.services.worker.least_tasks == 2
    error_message = "There must be two of everything that serves."
  }
  assert {
    condition     = output.platform.deploy.services.api.codedeploy.group == "api" && output.platform.deploy.verify_key_secret == "tandem-prod/verify-key"
    error_message = "A new version of the api must be tried by a canary."
  }
  assert {
    condition     = var.protected && var.database.multi_az && var.database.backup_days >= 7 && length(var.without) == 0 && output.platform.copies != null
    error_message = "What holds data must be protected, be in two zones, be kept for a week and be copied, and nothing be left away."
  }
  assert {
    condition     = output.platform.deploy.services.api.repository_url == "444455556666.dkr.ecr.eu-west-1.amazonaws.com/tandem/api" && length(output.platform.repository_urls) == 0
    error_message = "Production must run what staging has tested, from the same repository."
  }
  assert {
    condition     = output.platform.url == "https://jobs.example.com" && output.platform.deploy.cluster == "tandem-prod"
    error_message = "It must be found under its name."
  }
}

run "copies_must_be_elsewhere" {
  command = plan

  variables {
    dr_region = "eu-west-1"
  }

  expect_failures = [var.dr_region]
}
