# The most that any role of the environment may do which is made by whoever applies: what its tasks, and the services of AWS
# that work for it, are known to do. No role of it makes roles, opens networks, or reads what another environment has.

locals {
  is_bounded    = anytrue([for role in values(var.roles) : role.permissions == "apply"])
  boundary_name = "${var.name}-github-boundary"
  boundary_arn  = "arn:${local.partition}:iam::${local.account}:policy/${local.boundary_name}"

  boundary_statements = [
    {
      Sid    = "Tasks"
      Effect = "Allow"
      Action = [
        "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage",
        "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage",
      ]
      Resource = concat(
        [for arn in local.in_regions.sqs : "${arn}:${var.name}-*"],
        # RDS gives the administrator's secret a name of its own.
        flatten([for arn in local.in_regions.secretsmanager : ["${arn}:secret:${var.name}/*", "${arn}:secret:rds!*"]]),
      )
    },
    {
      Sid    = "Logs"
      Effect = "Allow"
      Action = [
        "logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:GetLogEvents", "logs:PutLogEvents",
        "logs:PutRetentionPolicy",
      ]
      # RDS writes what it measures into a group of its own.
      Resource = flatten([for arn in local.in_regions.logs : ["${arn}:log-group:*${var.name}*", "${arn}:log-group:RDS*"]])
    },
    {
      # AWS knows no narrower resource for most of these; they look, or open the shell that a task must be allowed to have.
      Sid    = "Look"
      Effect = "Allow"
      Action = [
        "cloudwatch:DescribeAlarms", "ecr:GetAuthorizationToken", "elasticloadbalancing:Describe*", "rds:Describe*",
        "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel", "tag:GetResources",
      ]
      Resource = "*"
    },
    {
      # Beside this, a key's own policy or the role's must let it in.
      Sid      = "Keys"
      Effect   = "Allow"
      Action   = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
      Resource = [for arn in local.in_regions.kms : "${arn}:key/*"]
    },
    {
      Sid    = "Deployments"
      Effect = "Allow"
      Action = [
        "ecs:CreateTaskSet", "ecs:DeleteTaskSet", "ecs:DescribeServices", "ecs:UpdateServicePrimaryTaskSet",
        "elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyRule",
      ]
      Resource = concat(
        flatten([for arn in local.in_regions.ecs : ["${arn}:service/${local.cluster}/*", "${arn}:task-set/${local.cluster}/*"]]),
        flatten([for arn in local.in_regions.elasticloadbalancing : ["${arn}:listener/app/${var.name}*", "${arn}:listener-rule/app/${var.name}*"]]),
      )
    },
    {
      Sid       = "TaskRoles"
      Effect    = "Allow"
      Action    = "iam:PassRole"
      Resource  = [for role in local.pass_roles : "arn:${local.partition}:iam::${local.account}:role/${role}"]
      Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
    },
    {
      Sid    = "Backups"
      Effect = "Allow"
      Action = [
        "backup:CopyFromBackupVault", "backup:CopyIntoBackupVault", "backup:DescribeBackupVault", "rds:AddTagsToResource",
        "rds:CopyDBSnapshot", "rds:CreateDBSnapshot", "rds:DeleteDBSnapshot", "rds:ListTagsForResource",
        "rds:ModifyDBSnapshotAttribute",
      ]
      Resource = concat(
        # AWS Backup gives its snapshots names of its own.
        flatten([for arn in local.in_regions.rds : ["${arn}:db:${var.name}*", "${arn}:og:*", "${arn}:snapshot:awsbackup:*"]]),
        [for arn in local.in_regions.backup : "${arn}:backup-vault:${var.name}*"],
      )
    },
    {
      Sid      = "Images"
      Effect   = "Allow"
      Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      Resource = local.repository_arns
    },
  ]
}

resource "aws_iam_policy" "boundary" {
  count = local.is_bounded ? 1 : 0

  name        = local.boundary_name
  description = "The most that a role of ${var.name} may do"
  policy      = jsonencode({ Version = "2012-10-17", Statement = local.boundary_statements })
}
