mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::111122223333:policy/tandem-prod-github" }
  }
}

variables {
  name                = "tandem-prod"
  owner               = "acme"
  owner_id            = 12345
  repo                = "tandem"
  repo_id             = 987654321
  regions             = ["eu-central-1", "eu-west-1"]
  ecr_repository_arns = ["arn:aws:ecr:eu-central-1:111122223333:repository/tandem/api", "arn:aws:ecr:eu-central-1:111122223333:repository/tandem/worker"]
  owned_tags          = { Project = "tandem", Environment = "prod" }
  state               = { bucket_arn = "arn:aws:s3:::tandem-state", key = "prod/terraform.tfstate", kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/0" }
  hosted_zone_ids     = ["Z0123456789ABC"]
  roles = {
    build   = { permissions = "build", ref = "refs/heads/develop", workflow = ".github/workflows/publish.yml" }
    promote = { permissions = "promote", ref = "refs/heads/main", workflow = ".github/workflows/promote.yml" }
    plan    = { permissions = "plan", pull_requests = true }
    deploy  = { permissions = "deploy", environment = "production", ref = "refs/heads/main", workflow = ".github/workflows/deploy.yml" }
    apply   = { permissions = "apply", environment = "production", ref = "refs/heads/main", workflow = ".github/workflows/deploy.yml" }
  }
}

run "roles" {
  assert {
    condition = jsondecode(aws_iam_role.this["deploy"].assume_role_policy).Statement == [{
      Sid       = "JobsOfTheRepository"
      Effect    = "Allow"
      Principal = { Federated = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com" }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = { StringEquals = {
        "token.actions.githubusercontent.com:aud"                 = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:environment"         = "production"
        "token.actions.githubusercontent.com:job_workflow_ref"    = "acme/tandem/.github/workflows/deploy.yml@refs/heads/main"
        "token.actions.githubusercontent.com:ref"                 = "refs/heads/main"
        "token.actions.githubusercontent.com:repository_id"       = "987654321"
        "token.actions.githubusercontent.com:repository_owner_id" = "12345"
        "token.actions.githubusercontent.com:sub"                 = "repo:acme@12345/tandem@987654321:environment:production"
      } }
    }]
    error_message = "A role must ask for the audience, the repository, the environment, the branch and the workflow, each literally."
  }
  assert {
    condition     = { for name, role in aws_iam_role.this : name => role.max_session_duration / 3600 } == { build = 1, promote = 1, deploy = 4, plan = 1, apply = 2 }
    error_message = "A session must last as long as what is done in it, and not longer."
  }
  assert {
    condition = { for name in keys(var.roles) : name => join(" ", sort([for key, attachment in local.attachments : attachment.policy if attachment.role == name])) } == {
      build   = "build"
      promote = "promote"
      deploy  = "deploy"
      plan    = "read"
      apply   = "apply-data apply-entry apply-identity apply-network apply-services read state"
    }
    error_message = "Each role has the policies of its kind and no others."
  }
}

run "forged_tokens_are_refused" {
  module {
    source = "./tests/claims"
  }
  variables {
    trust_policies = run.roles.trust_policies
    tokens         = jsondecode(file("./tests/claims.json"))
  }
  assert {
    condition     = length(output.wrong) == 0
    error_message = "Wrong verdicts: ${join("; ", output.wrong)}"
  }
  assert {
    condition     = output.accepted == 4 && output.refused == 35
    error_message = "The table must have four tokens that are accepted and 35 that are refused."
  }
}

run "policies_are_as_narrow_as_they_can_be" {
  assert {
    condition     = alltrue([for policy in concat(values(output.policies), [output.boundary.policy]) : length(policy) <= 6144])
    error_message = "IAM takes 6,144 characters: ${jsonencode({ for name, policy in merge(output.policies, { boundary = output.boundary.policy }) : name => length(policy) })}"
  }
  assert {
    condition     = length([for key, attachment in local.attachments : key if attachment.role == "apply"]) <= 10
    error_message = "IAM attaches ten policies to a role, unless it is asked for more."
  }
  # Actions on all resources are named one by one, but for those that only look.
  assert {
    condition = alltrue(flatten([
      for name, policy in output.policies : [
        for s in jsondecode(policy).Statement : [for action in flatten([s.Action]) : !strcontains(action, "*")]
        if s.Effect == "Allow" && contains(flatten([s.Resource]), "*") && name != "read"
      ]
    ]))
    error_message = "No policy may allow a family of actions on everything."
  }
  assert {
    condition = alltrue([
      for action in flatten([for s in jsondecode(output.policies["read"]).Statement : s.Action if contains(flatten([s.Resource]), "*")]) :
      can(regex(":(Describe|List|Get|View|BatchGet)", action))
      && !can(regex("^(s3:GetObject|secretsmanager:GetSecretValue|sqs:Receive|kms:Decrypt|ecr:GetAuthorizationToken|ecr:BatchGetImage|lambda:GetFunction|dynamodb:)", action))
      && !contains(["s3:*", "s3:Get*", "secretsmanager:Get*", "ssm:Get*", "logs:Get*", "lambda:Get*", "ecr:Get*", "ecr:BatchGet*", "kms:Get*"], action)
    ])
    error_message = "Whoever plans may look at settings, and at no secret, object, message, log or image."
  }
  assert {
    condition = alltrue(flatten([
      for policy in output.policies : [for s in jsondecode(policy).Statement : s.Resource != "" && length(flatten([s.Resource])) > 0]
    ]))
    error_message = "Each statement must have a resource."
  }
}

run "what_is_needed_beside_names_that_are_ours_is_allowed" {
  assert {
    condition = one([for s in jsondecode(output.policies["read"]).Statement : s.Resource if s.Sid == "Parameters"]) == [
      "arn:aws:ssm:eu-central-1:111122223333:parameter/tandem-prod/*",
      "arn:aws:ssm:eu-west-1:111122223333:parameter/tandem-prod/*",
      "arn:aws:ssm:eu-central-1::parameter/aws/service/ami-amazon-linux-latest/*",
      "arn:aws:ssm:eu-west-1::parameter/aws/service/ami-amazon-linux-latest/*",
    ]
    error_message = "Whoever plans must learn which image a NAT instance gets, and read no other parameter of AWS."
  }
  assert {
    condition = one([for s in jsondecode(output.policies["read"]).Statement : [s.Action, s.Resource] if s.Sid == "AccessLogs"]) == [
      "s3:ListBucket", "arn:aws:s3:::tandem-prod-access-logs-*",
    ]
    error_message = "Whoever plans must find the bucket of the load balancer's logs."
  }
  assert {
    condition     = one([for s in jsondecode(output.policies["apply-data"]).Statement : s.Action if s.Sid == "NewVaults"]) == "backup-storage:MountCapsule"
    error_message = "Whoever applies must be able to make a vault."
  }
}

run "a_deployment_can_do_little" {
  assert {
    condition = jsonencode(one([for s in jsondecode(output.policies["deploy"]).Statement : [sort(s.Resource), s.Condition] if s.Sid == "PassTaskRoles"])) == jsonencode([
      [for role in ["api-execution", "api-task", "migrate-execution", "migrate-task", "worker-execution", "worker-task"] : "arn:aws:iam::111122223333:role/tandem-prod-${role}"],
      { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } },
    ])
    error_message = "A deployment may give tasks their six roles, and nothing else any role."
  }
  assert {
    condition = one([for s in jsondecode(output.policies["deploy"]).Statement : s if s.Sid == "Migrate"]) == {
      Sid      = "Migrate"
      Effect   = "Allow"
      Action   = "ecs:RunTask"
      Resource = ["arn:aws:ecs:eu-central-1:111122223333:task-definition/tandem-prod-migrate:*", "arn:aws:ecs:eu-west-1:111122223333:task-definition/tandem-prod-migrate:*"]
      Condition = { ArnEquals = { "ecs:cluster" = [
        "arn:aws:ecs:eu-central-1:111122223333:cluster/tandem-prod", "arn:aws:ecs:eu-west-1:111122223333:cluster/tandem-prod",
      ] } }
    }
    error_message = "A deployment may run the migration and no other task."
  }
  # All that the deploy program calls, and nothing else.
  assert {
    condition = sort(flatten([for s in jsondecode(output.policies["deploy"]).Statement : s.Action])) == sort([
      "application-autoscaling:DescribeScalableTargets", "application-autoscaling:RegisterScalableTarget",
      "cloudwatch:DescribeAlarms",
      "codedeploy:ContinueDeployment", "codedeploy:CreateDeployment", "codedeploy:GetApplicationRevision", "codedeploy:GetDeployment",
      "codedeploy:GetDeploymentConfig", "codedeploy:GetDeploymentGroup", "codedeploy:GetDeploymentTarget", "codedeploy:ListDeployments",
      "codedeploy:ListDeploymentTargets", "codedeploy:RegisterApplicationRevision", "codedeploy:StopDeployment",
      "ecr:BatchGetImage", "ecr:DescribeImageScanFindings", "ecr:GetAuthorizationToken", "ecr:GetDownloadUrlForLayer",
      "ecs:DescribeServices", "ecs:DescribeTaskDefinition", "ecs:DescribeTasks", "ecs:ListTaskDefinitions", "ecs:RegisterTaskDefinition",
      "ecs:RunTask", "ecs:UpdateService", "iam:PassRole", "kms:Decrypt", "secretsmanager:GetSecretValue", "ssm:GetParameters", "ssm:PutParameter",
    ])
    error_message = "A deployment may make the calls of the deploy program, and no others."
  }
  assert {
    condition = sort([for arn in one([for s in jsondecode(output.policies["deploy"]).Statement : s.Resource if s.Sid == "RecordDigests"]) : arn if strcontains(arn, "eu-central-1")]) == sort([
      for name in ["api/digest", "api/previous_digest", "worker/digest", "worker/previous_digest"] : "arn:aws:ssm:eu-central-1:111122223333:parameter/tandem-prod/${name}"
    ])
    error_message = "A deployment may record what it released, and not what it is told about the environment."
  }
  assert {
    condition = (
      [for s in jsondecode(output.policies["deploy"]).Statement : s.Sid if contains(flatten([s.Action]), "secretsmanager:GetSecretValue")] == ["VerifyKey"]
      && one([for s in jsondecode(output.policies["deploy"]).Statement : s.Resource if s.Sid == "VerifyKey"]) == [
        "arn:aws:secretsmanager:eu-central-1:111122223333:secret:tandem-prod/verify-key-??????",
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:tandem-prod/verify-key-??????",
      ]
      && one([for s in jsondecode(output.policies["deploy"]).Statement : s.Condition if s.Sid == "DecryptVerifyKey"]) == {
        StringLike = { "kms:EncryptionContext:SecretARN" = one([for s in jsondecode(output.policies["deploy"]).Statement : s.Resource if s.Sid == "VerifyKey"]) }
      }
    )
    error_message = "A deployment may read the key that it verifies releases with, and no other secret."
  }
  assert {
    condition     = !strcontains(output.policies["deploy"], "ecr:PutImage") && !strcontains(output.policies["build"], "ecs:") && !strcontains(output.policies["build"], "iam:")
    error_message = "Who deploys pushes no image, and who builds deploys nothing."
  }
}

run "a_promotion_brings_no_image" {
  assert {
    condition = alltrue([
      for action in flatten([for s in jsondecode(output.policies["promote"]).Statement : s.Action]) : startswith(action, "ecr:") && !strcontains(action, "Upload")
    ])
    error_message = "Who promotes may tag images that are there, and upload nothing."
  }
}

# Where unreviewed code may run, and nowhere else.
run "pull_requests_where_they_may_run" {
  variables {
    name                = "tandem-dev"
    deployment          = { canary = false }
    owned_tags          = { Project = "tandem", Environment = "dev" }
    ecr_repository_arns = ["arn:aws:ecr:eu-central-1:111122223333:repository/tandem-dev/api"]
    roles = {
      build  = { permissions = "build", pull_requests = true }
      deploy = { permissions = "deploy", environment = "dev", pull_requests = true }
      plan   = { permissions = "plan", pull_requests = true }
    }
  }
  assert {
    condition = { for name, claims in local.claims : name => claims.sub } == {
      build  = "repo:acme@12345/tandem@987654321:pull_request"
      deploy = "repo:acme@12345/tandem@987654321:environment:dev"
      plan   = "repo:acme@12345/tandem@987654321:pull_request"
    }
    error_message = "A pull request's token names the environment, or that it is one."
  }
  assert {
    condition     = local.claims["deploy"].environment == "dev" && alltrue([for claims in local.claims : !contains(keys(claims), "job_workflow_ref") && !contains(keys(claims), "ref")])
    error_message = "Nothing is asked of a pull request that it could change itself."
  }
  assert {
    condition     = !strcontains(output.policies["build"], "repository/tandem/")
    error_message = "Unreviewed images must not get to those that are promoted."
  }
  assert {
    condition = (
      !strcontains(output.policies["deploy"], "codedeploy:")
      && one([for s in jsondecode(output.policies["deploy"]).Statement : s.Condition if s.Sid == "HoldScaling"]) == {
        StringEquals = { "aws:ResourceTag/Project" = "tandem", "aws:ResourceTag/Environment" = "dev" }
      }
    )
    error_message = "Unreviewed code must reach no canary, and the scaling of its own environment only."
  }
  assert {
    condition     = output.boundary == null
    error_message = "Where nobody from GitHub applies, no role is made that must be bounded."
  }
}

run "who_applies_can_not_open_the_door_wider" {
  assert {
    condition = one([for s in jsondecode(output.policies["apply-identity"]).Statement : s if s.Effect == "Deny" && s.Sid == "HandsOffGithub"]) == {
      Sid    = "HandsOffGithub"
      Effect = "Deny"
      Action = "iam:*"
      Resource = [
        "arn:aws:iam::111122223333:role/tandem-prod-github-*", "arn:aws:iam::111122223333:policy/tandem-prod-github-*", "arn:aws:iam::111122223333:oidc-provider/*",
      ]
    }
    error_message = "The roles for GitHub, their policies and the provider must be out of reach."
  }
  assert {
    condition = alltrue([
      for name, policy in output.policies :
      (name == "deploy" || !strcontains(policy, "secretsmanager:GetSecretValue")) && !strcontains(policy, "secretsmanager:PutSecretValue") && !strcontains(policy, "secretsmanager:*")
    ])
    error_message = "Nobody from GitHub may set a secret, or read one, but that a deployment reads the key that verifies it."
  }
}

run "who_applies_makes_no_role_beyond_the_boundary" {
  assert {
    condition = alltrue([
      for s in jsondecode(output.policies["apply-identity"]).Statement :
      s.Condition.StringEquals["iam:PermissionsBoundary"] == "arn:aws:iam::111122223333:policy/tandem-prod-github-boundary"
      if s.Effect == "Allow" && length(setintersection(flatten([s.Action]), ["iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"])) > 0
    ])
    error_message = "A role must have the boundary before it gets a policy."
  }
  assert {
    condition = !anytrue(flatten([
      for policy in output.policies : [for s in jsondecode(policy).Statement : [for action in flatten([s.Action]) : can(regex("^iam:(\\*|Delete\\*|DeleteRolePermissionsBoundary|CreateUser|CreateAccessKey)$", action))] if s.Effect == "Allow"]
    ]))
    error_message = "Nobody from GitHub may take a boundary away, or make a user."
  }
  assert {
    condition = alltrue(flatten([
      for s in jsondecode(output.boundary.policy).Statement : [
        for action in flatten([s.Action]) : !strcontains(action, ":*") && (!startswith(action, "iam:") || action == "iam:PassRole") && !startswith(action, "ec2:") && !startswith(action, "sts:")
      ]
    ]))
    error_message = "Within the boundary there must be no family of actions, and no way to other roles and networks."
  }
}

run "other_kinds_of_repositories_and_accounts" {
  variables {
    immutable_sub   = false
    create_provider = false
    provider_arn    = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
    state           = null
    roles = {
      build = { permissions = "build", ref = "refs/heads/develop", workflow = ".github/workflows/build.yml", workflow_ref = "refs/tags/v1" }
    }
  }
  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0 && output.provider_arn == var.provider_arn
    error_message = "A provider that exists is used."
  }
  assert {
    condition     = local.claims["build"].sub == "repo:acme/tandem:ref:refs/heads/develop" && local.claims["build"].job_workflow_ref == "acme/tandem/.github/workflows/build.yml@refs/tags/v1"
    error_message = "Older repositories have no ids in their subject; a workflow may come from another ref."
  }
}
