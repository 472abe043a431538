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
  domain = { name = "jobs.dev.example.com", zone_id = "Z0123456789ABCDEFGHIJ" }
}

run "development_is_cheap_and_can_be_deleted" {
  command = plan

  assert {
    condition     = !var.protected && var.network.egress_mode == "public_ip" && length(output.platform.egress_ips) == 0 && output.platform.deploy.migrate.assign_public_ip
    error_message = "There must be no NAT to pay for."
  }
  assert {
    condition     = output.platform.deploy.services.api.codedeploy == null && var.api.spot && var.office_hours != null
    error_message = "Tasks must be on Spot, and sleep at night."
  }
  assert {
    condition     = alltrue([for name in keys(output.platform.repository_urls) : startswith(name, "tandem-dev/")])
    error_message = "Images of pull requests must not get into the repositories that are promoted."
  }
}
