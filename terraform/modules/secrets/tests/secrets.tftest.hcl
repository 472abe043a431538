mock_provider "aws" {
  override_resource {
    target = aws_secretsmanager_secret.this["pepper"]
    values = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:tandem-test/pepper-AbCdEf" }
  }
  override_resource {
    target = aws_secretsmanager_secret.this["database/api"]
    values = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:tandem-test/database/api-AbCdEf" }
  }
}

variables {
  name = "tandem-test"
  secrets = {
    "pepper" = {
      description = "Pepper of the API keys, put by the first migration"
      readers     = ["arn:aws:iam::111122223333:role/tandem-test-api-execution"]
      writers     = ["arn:aws:iam::111122223333:role/tandem-test-migrate"]
    }
    "database/api" = {
      description         = "The api's login to the database, rotated by a function"
      readers             = ["arn:aws:iam::111122223333:role/tandem-test-api"]
      rotation_days       = 30
      rotation_lambda_arn = "arn:aws:lambda:eu-central-1:111122223333:function:rotate"
      replica_region      = "eu-west-1"
    }
  }
}

run "each_secret_is_read_by_its_readers_and_written_by_its_writers_only" {
  assert {
    condition = { for key, policy in aws_secretsmanager_secret_policy.this : key => [
      for s in jsondecode(policy.policy).Statement : [s.Principal.AWS, s.Action] if s.Effect == "Allow"
      ] } == {
      "pepper" = [
        [["arn:aws:iam::111122223333:role/tandem-test-api-execution"], "secretsmanager:GetSecretValue"],
        [["arn:aws:iam::111122223333:role/tandem-test-migrate"], "secretsmanager:PutSecretValue"],
      ]
      "database/api" = [[["arn:aws:iam::111122223333:role/tandem-test-api"], "secretsmanager:GetSecretValue"]]
    }
    error_message = "A role must be able to read or write its own secrets, and do nothing else with them."
  }
  assert {
    condition = alltrue([
      for policy in aws_secretsmanager_secret_policy.this : policy.block_public_policy
      && [for s in jsondecode(policy.policy).Statement : s.Condition if s.Effect == "Deny"] == [{ Bool = { "aws:SecureTransport" = "false" } }]
    ])
    error_message = "No secret may be public, or told without TLS."
  }
}

run "only_what_has_a_function_is_rotated" {
  assert {
    condition = (
      keys(aws_secretsmanager_secret_rotation.this) == ["database/api"]
      && one(aws_secretsmanager_secret_rotation.this["database/api"].rotation_rules).automatically_after_days == 30
      && !aws_secretsmanager_secret_rotation.this["database/api"].rotate_immediately
    )
    error_message = "The login must be rotated every 30 days, and not before it has a value."
  }
  assert {
    condition = (
      aws_lambda_permission.rotation["database/api"].principal == "secretsmanager.amazonaws.com"
      && aws_lambda_permission.rotation["database/api"].source_account == "111122223333"
      && aws_lambda_permission.rotation["database/api"].source_arn == "arn:aws:secretsmanager:eu-central-1:111122223333:secret:tandem-test/database/api-AbCdEf"
    )
    error_message = "Secrets Manager may start the function for this secret of this account only."
  }
}

run "containers_are_named_kept_and_copied" {
  assert {
    condition = (
      output.names["database/api"] == "tandem-test/database/api"
      && alltrue([for secret in aws_secretsmanager_secret.this : secret.recovery_window_in_days == 30])
    )
    error_message = "A deleted secret must be recoverable for 30 days."
  }
  assert {
    condition = { for key, secret in aws_secretsmanager_secret.this : key => [for replica in secret.replica : replica.region] } == {
      "pepper"       = []
      "database/api" = ["eu-west-1"]
    }
    error_message = "Only what asks for it is copied to another region."
  }
}

run "without_readers_nobody_is_allowed_anything" {
  variables {
    secrets = { pepper = { description = "Pepper of the API keys" } }
  }
  assert {
    condition     = [for s in jsondecode(aws_secretsmanager_secret_policy.this["pepper"].policy).Statement : s.Effect] == ["Deny"]
    error_message = "A statement without principals would be refused by AWS."
  }
}
