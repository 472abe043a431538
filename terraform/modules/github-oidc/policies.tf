# What each kind of role may do, as few policies as IAM's limit of 6,144 characters allows. Everything is bound to names that
# begin with var.name, or, where a resource has no name of ours, to the account and the regions.

locals {
  # An ARN in each region of the environment.
  in_regions = {
    for service in [
      "application-autoscaling", "backup", "cloudwatch", "codedeploy", "ec2", "ecr", "ecs", "elasticloadbalancing", "events", "kms", "lambda",
      "logs", "rds", "secretsmanager", "sns", "sqs", "ssm", "wafv2", "acm",
    ] : service => [for region in var.regions : "arn:${local.partition}:${service}:${region}:${local.account}"]
  }

  # Those of images here, and of their copies in the other regions.
  image_arns = [for arn in var.ecr_repository_arns : split(":", arn)]
  repository_arns = length(var.ecr_repository_arns) == 0 ? ["arn:${local.partition}:ecr:::repository/none"] : distinct(flatten([
    for arn in local.image_arns : [for region in concat([arn[3]], var.regions) : join(":", concat(slice(arn, 0, 3), [region], slice(arn, 4, 6)))]
  ]))

  cluster        = coalesce(var.deployment.cluster, var.name)
  services       = coalesce(var.deployment.services, ["api", "worker"])
  migrate_family = coalesce(var.deployment.migrate_family, "${var.name}-migrate")
  codedeploy     = coalesce(var.deployment.codedeploy, "${var.name}-api")
  pass_roles = coalesce(var.deployment.pass_roles, flatten([
    for task in ["api", "worker", "migrate"] : ["${var.name}-${task}-task", "${var.name}-${task}-execution"]
  ]))

  # Secrets Manager ends its ARNs with six characters of its own.
  verify_key_arns = [for arn in local.in_regions.secretsmanager : "${arn}:secret:${var.name}/verify-key-??????"]

  only_our_regions = { StringEquals = { "aws:RequestedRegion" = var.regions } }

  # By what a thing that has an id and no name is known: the tags that everything of the environment has.
  is_ours         = { StringEquals = { for key, value in var.owned_tags : "aws:ResourceTag/${key}" => value } }
  is_not_anothers = { StringEqualsIfExists = { for key, value in var.owned_tags : "aws:ResourceTag/${key}" => value } }
  is_nobodys      = { Null = { for key, value in var.owned_tags : "aws:ResourceTag/${key}" => "true" } }
  becomes_ours    = { StringEquals = { for key, value in var.owned_tags : "aws:RequestTag/${key}" => value } }

  policies = {
    build          = local.build_statements
    promote        = local.promote_statements
    deploy         = local.deploy_statements
    read           = local.read_statements
    state          = local.state_statements
    apply-network  = local.apply_network_statements
    apply-entry    = local.apply_entry_statements
    apply-data     = local.apply_data_statements
    apply-services = local.apply_services_statements
    apply-identity = local.apply_identity_statements
  }
  policies_of = {
    build   = ["build"]
    promote = ["promote"]
    deploy  = ["deploy"]
    plan    = ["read"]
    apply   = ["read", "state", "apply-network", "apply-entry", "apply-data", "apply-services", "apply-identity"]
  }
  attachments = merge([
    for name, role in var.roles : { for policy in local.policies_of[role.permissions] : "${name}-${policy}" => { role = name, policy = policy } }
  ]...)
  wanted_policies = { for name in distinct([for attachment in values(local.attachments) : attachment.policy]) : name => local.policies[name] }

  build_statements = [
    {
      Sid      = "Login"
      Effect   = "Allow"
      Action   = "ecr:GetAuthorizationToken"
      Resource = "*"
    },
    {
      Sid    = "Push"
      Effect = "Allow"
      Action = [
        "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages",
        "ecr:DescribeImageScanFindings", "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:ListImages",
        "ecr:PutImage", "ecr:UploadLayerPart",
      ]
      Resource = var.ecr_repository_arns
    },
  ]

  promote_statements = [
    {
      Sid      = "Login"
      Effect   = "Allow"
      Action   = "ecr:GetAuthorizationToken"
      Resource = "*"
    },
    {
      # Who promotes gives another tag to an image that is there. Without rights to layers, none can be brought along.
      Sid      = "Tag"
      Effect   = "Allow"
      Action   = ["ecr:BatchGetImage", "ecr:DescribeImages", "ecr:DescribeImageScanFindings", "ecr:GetDownloadUrlForLayer", "ecr:PutImage"]
      Resource = var.ecr_repository_arns
    },
  ]

  deploy_statements = concat(
    [
      {
        Sid    = "Look"
        Effect = "Allow"
        # None of these can be bound to a resource, or AWS asks for all of them.
        Action = [
          "application-autoscaling:DescribeScalableTargets", "cloudwatch:DescribeAlarms", "ecr:GetAuthorizationToken",
          "ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions", "ecs:RegisterTaskDefinition",
        ]
        Resource  = "*"
        Condition = local.only_our_regions
      },
      {
        Sid      = "Services"
        Effect   = "Allow"
        Action   = ["ecs:DescribeServices", "ecs:UpdateService"]
        Resource = flatten([for arn in local.in_regions.ecs : [for service in local.services : "${arn}:service/${local.cluster}/${service}"]])
      },
      {
        Sid       = "Migrate"
        Effect    = "Allow"
        Action    = "ecs:RunTask"
        Resource  = [for arn in local.in_regions.ecs : "${arn}:task-definition/${local.migrate_family}:*"]
        Condition = { ArnEquals = { "ecs:cluster" = [for arn in local.in_regions.ecs : "${arn}:cluster/${local.cluster}"] } }
      },
      {
        Sid      = "Tasks"
        Effect   = "Allow"
        Action   = "ecs:DescribeTasks"
        Resource = [for arn in local.in_regions.ecs : "${arn}:task/${local.cluster}/*"]
      },
      {
        Sid       = "PassTaskRoles"
        Effect    = "Allow"
        Action    = "iam:PassRole"
        Resource  = [for role in local.pass_roles : "arn:${local.partition}:iam::${local.account}:role/${role}"]
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
      {
        Sid       = "HoldScaling"
        Effect    = "Allow"
        Action    = "application-autoscaling:RegisterScalableTarget"
        Resource  = [for arn in local.in_regions.application-autoscaling : "${arn}:scalable-target/*"]
        Condition = local.is_ours
      },
      {
        Sid      = "ReadFacts"
        Effect   = "Allow"
        Action   = "ssm:GetParameters"
        Resource = [for arn in local.in_regions.ssm : "${arn}:parameter/${var.name}/*"]
      },
      {
        Sid    = "RecordDigests"
        Effect = "Allow"
        Action = "ssm:PutParameter"
        Resource = flatten([for arn in local.in_regions.ssm : [
          for service in local.services : [for key in ["digest", "previous_digest"] : "${arn}:parameter/${var.name}/${service}/${key}"]
        ]])
      },
      {
        # The one secret that a deployment reads: the API key that it tries a release with, which opens a tenant of its own.
        Sid      = "VerifyKey"
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = local.verify_key_arns
      },
      {
        # Where a customer's key encrypts the secrets, of them this one.
        Sid       = "DecryptVerifyKey"
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = [for arn in local.in_regions.kms : "${arn}:key/*"]
        Condition = { StringLike = { "kms:EncryptionContext:SecretARN" = local.verify_key_arns } }
      },
    ],
    [for statement in [
      {
        Sid    = "Canary"
        Effect = "Allow"
        Action = [
          "codedeploy:CreateDeployment", "codedeploy:GetApplicationRevision", "codedeploy:GetDeployment", "codedeploy:GetDeploymentConfig",
          "codedeploy:GetDeploymentGroup", "codedeploy:ListDeployments", "codedeploy:RegisterApplicationRevision",
        ]
        Resource = flatten([for arn in local.in_regions.codedeploy : [
          "${arn}:application:${local.codedeploy}", "${arn}:deploymentgroup:${local.codedeploy}/*", "${arn}:deploymentconfig:*",
        ]])
      },
      {
        # AWS knows no narrower resource for these. A deployment is told by an id that only its own environment tells.
        Sid       = "Deployments"
        Effect    = "Allow"
        Action    = ["codedeploy:ContinueDeployment", "codedeploy:GetDeploymentTarget", "codedeploy:ListDeploymentTargets", "codedeploy:StopDeployment"]
        Resource  = "*"
        Condition = local.only_our_regions
      },
    ] : statement if var.deployment.canary],
    [for arns in [var.ecr_repository_arns] : {
      Sid      = "Images"
      Effect   = "Allow"
      Action   = ["ecr:BatchGetImage", "ecr:DescribeImageScanFindings", "ecr:GetDownloadUrlForLayer"]
      Resource = arns
    } if length(arns) > 0],
  )
}
