# Only plans: what was applied would have to be destroyed after the tests, and the bucket refuses that.
mock_provider "aws" {
  override_during = plan

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::tandem-state-111122223333-eu-central-1" }
  }
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::111122223333:policy/tandem-github" }
  }
}

variables {
  region     = "eu-central-1"
  dr_region  = "eu-west-1"
  repository = { owner = "acme", owner_id = 12345, name = "tandem", id = 987654321 }
  environments = {
    dev     = { github_environment = "dev", ref = "refs/heads/develop", plan_on_pull_requests = true, unreviewed = true }
    staging = { github_environment = "staging", ref = "refs/heads/develop", hosted_zone_ids = ["Z0123456789ABC"] }
    prod    = { github_environment = "production", ref = "refs/heads/main", hosted_zone_ids = ["Z0123456789ABC"] }
  }
}

run "states_are_kept_for_us_alone" {
  command = plan

  assert {
    condition = (
      aws_s3_bucket.state.bucket == "tandem-state-111122223333-eu-central-1" && !aws_s3_bucket.state.force_destroy
      && one(aws_s3_bucket_versioning.state.versioning_configuration).status == "Enabled"
      && one(one(aws_s3_bucket_server_side_encryption_configuration.state.rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
    )
    error_message = "The bucket must have versions, and be encrypted with our key."
  }
  assert {
    condition = (
      aws_s3_bucket_public_access_block.state.block_public_acls && aws_s3_bucket_public_access_block.state.block_public_policy
      && aws_s3_bucket_public_access_block.state.ignore_public_acls && aws_s3_bucket_public_access_block.state.restrict_public_buckets
      && one(aws_s3_bucket_ownership_controls.state.rule).object_ownership == "BucketOwnerEnforced"
    )
    error_message = "Nothing in the bucket can be public."
  }
  assert {
    condition     = sort([for s in jsondecode(aws_s3_bucket_policy.state.policy).Statement : "${s.Effect} ${s.Sid}"]) == tolist(["Deny NoOtherEncryption", "Deny NobodyElse", "Deny NobodyWithOldTls", "Deny NobodyWithoutTls"])
    error_message = "The bucket's policy must deny what is not encrypted, and other accounts, and allow nobody anything."
  }
  assert {
    condition     = aws_kms_key.state.enable_key_rotation && aws_kms_key.state.deletion_window_in_days == 30
    error_message = "The key must be rotated, and recoverable for 30 days."
  }
}

run "environments_have_states_and_roles_of_their_own" {
  command = plan

  assert {
    condition = output.backends["prod"] == {
      bucket       = "tandem-state-111122223333-eu-central-1"
      key          = "environments/prod/terraform.tfstate"
      region       = "eu-central-1"
      kms_key_id   = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000"
      encrypt      = true
      use_lockfile = true
    }
    error_message = "A backend must have its own key, and be locked by the bucket itself."
  }
  assert {
    condition = jsonencode({ for name, roles in output.role_arns : name => keys(roles) }) == jsonencode({
      dev     = ["build", "deploy", "drift", "plan"]
      prod    = ["apply", "deploy", "drift", "look"]
      staging = ["apply", "deploy", "drift", "look"]
    })
    error_message = "Pull requests may plan dev and run there, and do nothing to prod; who applies is reviewed."
  }
  assert {
    condition = (
      jsondecode(module.github["prod"].trust_policies["apply"]).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"]
      == "repo:acme@12345/tandem@987654321:environment:production"
    )
    error_message = "The roles of prod must ask for the environment production."
  }
  assert {
    condition = alltrue([
      for s in jsondecode(module.github["staging"].policies["state"]).Statement : startswith(s.Resource, "arn:aws:s3:::tandem-state-111122223333-eu-central-1/environments/staging/") || startswith(s.Resource, "arn:aws:kms:")
    ])
    error_message = "Who applies staging may write the state of staging only."
  }
  assert {
    condition     = !contains(keys(module.github["dev"].policies), "state") && !strcontains(module.github["dev"].policies["build"], "repository/tandem/")
    error_message = "Code of pull requests may write no state, and no image that is promoted."
  }
}

run "the_jobs_that_are_trusted_are_those_of_the_workflows" {
  command = plan

  assert {
    condition = (
      toset([for job in output.trusted_jobs : jsonencode(job)])
      == toset([for job in jsondecode(file("../../.github/roles.json")) : jsonencode(job)])
    )
    error_message = "What bootstrap trusts by default and what .github/roles.json says must be the same: ${jsonencode(output.trusted_jobs)}"
  }
}

run "who_builds_belongs_to_no_environment" {
  command = plan

  assert {
    condition = (
      jsondecode(module.build[0].trust_policies["build"]).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"]
      == "repo:acme@12345/tandem@987654321:ref:refs/heads/develop"
      && one([for s in jsondecode(module.build[0].policies["build"]).Statement : s.Resource if s.Sid == "Push"])
      == ["arn:aws:ecr:eu-central-1:111122223333:repository/tandem/api", "arn:aws:ecr:eu-central-1:111122223333:repository/tandem/worker"]
    )
    error_message = "The workflow of develop may push to the two repositories."
  }
  assert {
    condition = (
      jsondecode(module.build[0].trust_policies["promote"]).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:job_workflow_ref"]
      == "acme/tandem/.github/workflows/promote.yml@refs/heads/main"
    )
    error_message = "The workflow of main may tag what is there."
  }
}

run "images_of_another_account_are_read_where_they_are" {
  command = plan

  variables {
    build    = null
    registry = "444455556666.dkr.ecr.eu-west-1.amazonaws.com"
  }

  assert {
    condition = one([for s in jsondecode(module.github["prod"].policies["deploy"]).Statement : s.Resource if s.Sid == "Images"]) == [
      "arn:aws:ecr:eu-west-1:444455556666:repository/tandem/api", "arn:aws:ecr:eu-west-1:444455556666:repository/tandem/worker",
    ]
    error_message = "A deployment must be able to see the images that it releases."
  }
  assert {
    condition     = length(module.build) == 0
    error_message = "Nobody may build here."
  }
}

# The roles as they are made, and not examples of them: each has a token that opens it, and every other is refused.
run "each_role_opens_to_its_own_jobs_only" {
  command = plan

  module {
    source = "../modules/github-oidc/tests/claims"
  }
  variables {
    trust_policies = run.states_are_kept_for_us_alone.trust_policies
    tokens         = jsondecode(file("./tests/claims.json"))
  }
  assert {
    condition     = length(output.wrong) == 0
    error_message = "Wrong verdicts: ${join("; ", output.wrong)}"
  }
  assert {
    condition     = toset(flatten([for token in var.tokens : token.accepted])) == toset([for job in jsondecode(file("../../.github/roles.json")) : job.role])
    error_message = "Each role of .github/roles.json must have a token that it is opened by."
  }
  assert {
    condition     = toset(keys(var.trust_policies)) == toset([for job in jsondecode(file("../../.github/roles.json")) : job.role])
    error_message = "The policies must be those of all roles, and of no others."
  }
  assert {
    condition     = output.accepted == 9 && output.refused == 112
    error_message = "The table must have nine tokens that are accepted and 112 that are refused."
  }
}
