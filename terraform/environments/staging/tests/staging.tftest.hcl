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
  domain           = { name = "jobs.staging.example.com", zone_id = "Z0123456789ABCDEFGHIJ" }
  pull_account_ids = ["111122223333"]
  subscribers      = { ticket = ["team@example.com"] }
}

run "staging_is_production_with_one_of_each" {
  command = plan

  assert {
    condition     = output.platform.deploy.services.api.least_tasks == 1 && output.platform.deploy.services.worker.least_tasks == 1 && !var.database.multi_az
    error_message = "One of each must be enough."
  }
  assert {
    condition     = output.platform.deploy.services.api.codedeploy.group == "api" && var.protected && length(var.without) == 0
    error_message = "Releases must go the way that they go in production."
  }
  assert {
    condition     = join(" ", keys(output.platform.repository_urls)) == "tandem/api tandem/worker"
    error_message = "Images for production must come from here."
  }
}
