# What planning and applying need. Who applies makes roles, and so could make one that may more; that is why these roles need
# an environment on GitHub with reviewers, and why the roles for GitHub are out of their reach.

locals {
  state_object = var.state == null ? "" : "${var.state.bucket_arn}/${var.state.key}"
  state_key    = try(compact([var.state.kms_key_arn]), [])

  read_statements = concat(
    [
      {
        # Refreshing the state looks at everything that is in it. No action here tells a secret, a message or an object.
        Sid    = "Look"
        Effect = "Allow"
        Action = [
          "acm:Describe*", "acm:List*", "application-autoscaling:Describe*", "application-autoscaling:List*", "backup:Describe*",
          "backup:GetBackupPlan", "backup:GetBackupSelection", "backup:GetBackupVault*", "backup:List*", "budgets:ListTagsForResource",
          "budgets:ViewBudget", "ce:Get*", "ce:List*", "cloudwatch:Describe*", "cloudwatch:GetDashboard", "cloudwatch:List*",
          "codedeploy:BatchGet*", "codedeploy:Get*", "codedeploy:List*", "ec2:Describe*", "ecr:Describe*", "ecr:GetLifecyclePolicy",
          "ecr:GetRegistry*", "ecr:GetRepositoryPolicy", "ecr:ListTagsForResource", "ecs:Describe*", "ecs:List*",
          "elasticloadbalancing:Describe*", "events:Describe*", "events:List*", "iam:Get*", "iam:List*", "kms:Describe*",
          "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:List*", "lambda:GetPolicy", "logs:Describe*", "logs:ListTagsForResource",
          "rds:Describe*", "rds:ListTagsForResource", "route53:Get*", "route53:List*", "s3:GetAccelerateConfiguration",
          "s3:GetBucket*", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration",
          "secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy", "sns:Get*", "sns:List*", "sqs:GetQueueAttributes",
          "sqs:GetQueueUrl", "sqs:List*", "ssm:DescribeParameters", "ssm:ListTagsForResource", "sts:GetCallerIdentity", "wafv2:Get*",
          "wafv2:List*",
        ]
        Resource = "*"
      },
      {
        Sid    = "Parameters"
        Effect = "Allow"
        Action = ["ssm:GetParameter", "ssm:GetParameters"]
        Resource = concat(
          [for arn in local.in_regions.ssm : "${arn}:parameter/${var.name}/*"],
          # Where AWS tells the newest image for a NAT instance.
          [for region in var.regions : "arn:${local.partition}:ssm:${region}::parameter/aws/service/ami-amazon-linux-latest/*"],
        )
      },
      {
        # To ask whether a bucket is there is to ask for what is in it.
        Sid      = "AccessLogs"
        Effect   = "Allow"
        Action   = "s3:ListBucket"
        Resource = "arn:${local.partition}:s3:::${var.name}-access-logs-*"
      },
      {
        Sid      = "ReadState"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = local.state_object
      },
      {
        Sid       = "FindState"
        Effect    = "Allow"
        Action    = "s3:ListBucket"
        Resource  = try(var.state.bucket_arn, "")
        Condition = { StringEquals = { "s3:prefix" = try(var.state.key, "") } }
      },
    ],
    [for arn in local.state_key : { Sid = "DecryptState", Effect = "Allow", Action = "kms:Decrypt", Resource = arn }],
  )

  state_statements = concat(
    [
      { Sid = "WriteState", Effect = "Allow", Action = "s3:PutObject", Resource = local.state_object },
      {
        Sid      = "LockState"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
        Resource = "${local.state_object}.tflock"
      },
    ],
    [for arn in local.state_key : { Sid = "EncryptState", Effect = "Allow", Action = "kms:GenerateDataKey", Resource = arn }],
  )

  apply_network_statements = [
    {
      # Networks have ids and no names, so they are bound to the account and the regions.
      Sid    = "Network"
      Effect = "Allow"
      Action = [
        "ec2:AllocateAddress", "ec2:Associate*", "ec2:Attach*", "ec2:Authorize*", "ec2:CreateFlowLogs", "ec2:CreateInternetGateway",
        "ec2:CreateLaunchTemplate*", "ec2:CreateNatGateway", "ec2:CreateNetwork*", "ec2:CreateRoute*", "ec2:CreateSecurityGroup",
        "ec2:CreateSubnet", "ec2:CreateTags", "ec2:CreateVpc*", "ec2:DeleteFlowLogs", "ec2:DeleteInternetGateway",
        "ec2:DeleteLaunchTemplate*", "ec2:DeleteNatGateway", "ec2:DeleteNetwork*", "ec2:DeleteRoute*", "ec2:DeleteSecurityGroup",
        "ec2:DeleteSubnet", "ec2:DeleteTags", "ec2:DeleteVpc*", "ec2:Detach*", "ec2:Disassociate*", "ec2:ModifyInstanceAttribute",
        "ec2:ModifyNetworkInterfaceAttribute", "ec2:ModifySecurityGroupRules", "ec2:ModifySubnetAttribute", "ec2:ModifyVpc*",
        "ec2:ReleaseAddress", "ec2:Replace*", "ec2:Revoke*", "ec2:RunInstances", "ec2:TerminateInstances", "ec2:UpdateSecurityGroup*",
      ]
      Resource = concat([for arn in local.in_regions.ec2 : "${arn}:*"], [for region in var.regions : "arn:${local.partition}:ec2:${region}::image/*"])
    },
    {
      Sid    = "LoadBalancers"
      Effect = "Allow"
      Action = "elasticloadbalancing:*"
      Resource = flatten([for arn in local.in_regions.elasticloadbalancing : [
        for kind in ["loadbalancer/app", "targetgroup", "listener/app", "listener-rule/app"] : "${arn}:${kind}/${var.name}*"
      ]])
    },
    {
      Sid    = "Firewall"
      Effect = "Allow"
      Action = "wafv2:*"
      Resource = concat(
        flatten([for arn in local.in_regions.wafv2 : ["${arn}:regional/webacl/${var.name}*", "${arn}:regional/ipset/${var.name}*", "${arn}:regional/managedruleset/*"]]),
        [for arn in local.in_regions.elasticloadbalancing : "${arn}:loadbalancer/app/${var.name}*"],
      )
    },
    {
      Sid    = "Certificates"
      Effect = "Allow"
      Action = ["acm:AddTagsToCertificate", "acm:DeleteCertificate", "acm:RemoveTagsFromCertificate", "acm:RequestCertificate"]
      # A certificate is asked for before it has an id.
      Resource = [for arn in local.in_regions.acm : "${arn}:certificate/*"]
    },
    {
      Sid      = "Names"
      Effect   = "Allow"
      Action   = "route53:ChangeResourceRecordSets"
      Resource = length(var.hosted_zone_ids) == 0 ? ["arn:${local.partition}:route53:::hostedzone/none"] : [for id in var.hosted_zone_ids : "arn:${local.partition}:route53:::hostedzone/${id}"]
    },
  ]

  apply_data_statements = [
    {
      Sid    = "Named"
      Effect = "Allow"
      Action = ["backup:*", "rds:*", "sns:*", "sqs:*"]
      Resource = flatten([
        [for arn in local.in_regions.sqs : "${arn}:${var.name}-*"],
        [for arn in local.in_regions.sns : "${arn}:${var.name}-*"],
        [for arn in local.in_regions.rds : ["${arn}:*:${var.name}*", "${arn}:auto-backup:*"]],
        # Plans have ids.
        [for arn in local.in_regions.backup : ["${arn}:backup-vault:${var.name}*", "${arn}:backup-plan:*"]],
      ])
    },
    {
      Sid      = "NoMessages"
      Effect   = "Deny"
      Action   = ["sqs:ReceiveMessage", "sqs:SendMessage", "sns:Publish", "rds:DownloadDBLogFilePortion"]
      Resource = "*"
    },
    {
      # Containers only: whoever applies can't read a secret, and can't set one.
      Sid    = "Secrets"
      Effect = "Allow"
      Action = [
        "secretsmanager:CancelRotateSecret", "secretsmanager:CreateSecret", "secretsmanager:DeleteResourcePolicy",
        "secretsmanager:DeleteSecret", "secretsmanager:PutResourcePolicy", "secretsmanager:RemoveRegionsFromReplication",
        "secretsmanager:ReplicateSecretToRegions", "secretsmanager:RestoreSecret", "secretsmanager:RotateSecret",
        "secretsmanager:TagResource", "secretsmanager:UntagResource", "secretsmanager:UpdateSecret", "secretsmanager:ValidateResourcePolicy",
      ]
      Resource = [for arn in local.in_regions.secretsmanager : "${arn}:secret:${var.name}/*"]
    },
    {
      # RDS makes the administrator's secret on behalf of who makes the instance.
      Sid      = "MasterSecret"
      Effect   = "Allow"
      Action   = ["secretsmanager:CreateSecret", "secretsmanager:TagResource"]
      Resource = [for arn in local.in_regions.secretsmanager : "${arn}:secret:rds!*"]
    },
    {
      Sid      = "RotationFunctions"
      Effect   = "Allow"
      Action   = ["lambda:AddPermission", "lambda:InvokeFunction", "lambda:RemovePermission"]
      Resource = [for arn in local.in_regions.lambda : "${arn}:function:*rotat*"]
    },
    {
      Sid       = "NewKeys"
      Effect    = "Allow"
      Action    = "kms:CreateKey"
      Resource  = "*"
      Condition = local.only_our_regions
    },
    {
      # To make a vault asks for this too, and it knows no narrower resource.
      Sid      = "NewVaults"
      Effect   = "Allow"
      Action   = "backup-storage:MountCapsule"
      Resource = "*"
    },
    {
      # Keys have ids; those that RDS and others make are theirs, and their policies keep them.
      Sid    = "Keys"
      Effect = "Allow"
      Action = [
        "kms:CreateAlias", "kms:CreateGrant", "kms:Decrypt", "kms:DeleteAlias", "kms:EnableKeyRotation", "kms:GenerateDataKey*", "kms:PutKeyPolicy",
        "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
      ]
      Resource = flatten([for arn in local.in_regions.kms : ["${arn}:key/*", "${arn}:alias/${var.name}*"]])
    },
    {
      Sid      = "Buckets"
      Effect   = "Allow"
      Action   = ["s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:PutBucket*", "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration"]
      Resource = "arn:${local.partition}:s3:::${var.name}-*"
    },
  ]

  apply_services_statements = [
    {
      Sid    = "Named"
      Effect = "Allow"
      Action = ["cloudwatch:*", "codedeploy:*", "ecr:*", "ecs:*", "events:*", "logs:*", "ssm:*"]
      Resource = flatten([
        [for arn in local.in_regions.ecs : [
          "${arn}:cluster/${var.name}*", "${arn}:service/${var.name}*", "${arn}:task-definition/${var.name}*", "${arn}:capacity-provider/${var.name}*",
          "${arn}:task-set/${var.name}*",
        ]],
        [for arn in local.in_regions.codedeploy : ["${arn}:application:${var.name}*", "${arn}:deploymentgroup:${var.name}*", "${arn}:deploymentconfig:${var.name}*"]],
        [for arn in local.in_regions.cloudwatch : "${arn}:alarm:${var.name}-*"],
        # Dashboards belong to no region.
        "arn:${local.partition}:cloudwatch::${local.account}:dashboard/${var.name}-*",
        [for arn in local.in_regions.events : "${arn}:rule/${var.name}-*"],
        [for arn in local.in_regions.logs : ["${arn}:log-group:*${var.name}*"]],
        [for arn in local.in_regions.ssm : "${arn}:parameter/${var.name}/*"],
        var.ecr_repository_arns,
      ])
    },
    {
      Sid      = "NoShells"
      Effect   = "Deny"
      Action   = ["ecs:ExecuteCommand", "ecr:PutImage"]
      Resource = "*"
    },
    {
      # These can't be bound to a resource.
      Sid    = "Unbound"
      Effect = "Allow"
      Action = [
        "ecr:PutRegistryScanningConfiguration", "ecr:PutReplicationConfiguration", "ecs:DeregisterTaskDefinition", "ecs:RegisterTaskDefinition",
        "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
      ]
      Resource  = "*"
      Condition = local.only_our_regions
    },
    {
      Sid      = "Scaling"
      Effect   = "Allow"
      Action   = "application-autoscaling:*"
      Resource = [for arn in local.in_regions.application-autoscaling : "${arn}:scalable-target/*"]
    },
    {
      Sid    = "Money"
      Effect = "Allow"
      Action = ["budgets:ModifyBudget", "budgets:TagResource", "budgets:UntagResource", "ce:*Anomaly*", "ce:TagResource", "ce:UntagResource"]
      Resource = [
        "arn:${local.partition}:budgets::${local.account}:budget/${var.name}*",
        "arn:${local.partition}:ce::${local.account}:anomalymonitor/*", "arn:${local.partition}:ce::${local.account}:anomalysubscription/*",
      ]
    },
  ]

  apply_identity_statements = [
    {
      Sid    = "Roles"
      Effect = "Allow"
      Action = [
        "iam:AddRoleToInstanceProfile", "iam:CreateInstanceProfile", "iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:CreateRole",
        "iam:DeleteInstanceProfile", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:DeleteRole", "iam:DeleteRolePolicy",
        "iam:PutRolePolicy", "iam:RemoveRoleFromInstanceProfile", "iam:TagInstanceProfile", "iam:TagPolicy", "iam:TagRole",
        "iam:UntagPolicy", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription",
      ]
      Resource = [for kind in ["role", "policy", "instance-profile"] : "arn:${local.partition}:iam::${local.account}:${kind}/${var.name}-*"]
    },
    {
      Sid      = "OnlyKnownPolicies"
      Effect   = "Allow"
      Action   = ["iam:AttachRolePolicy", "iam:DetachRolePolicy"]
      Resource = "arn:${local.partition}:iam::${local.account}:role/${var.name}-*"
      Condition = { ArnLike = { "iam:PolicyARN" = [
        "arn:${local.partition}:iam::${local.account}:policy/${var.name}-*", "arn:${local.partition}:iam::aws:policy/service-role/*",
        "arn:${local.partition}:iam::aws:policy/AWSCodeDeployRoleForECS",
      ] } }
    },
    {
      Sid      = "PassOurRoles"
      Effect   = "Allow"
      Action   = "iam:PassRole"
      Resource = "arn:${local.partition}:iam::${local.account}:role/${var.name}-*"
      Condition = { StringEquals = { "iam:PassedToService" = [
        "backup.amazonaws.com", "codedeploy.amazonaws.com", "ec2.amazonaws.com", "ecs-tasks.amazonaws.com", "ecs.amazonaws.com",
        "monitoring.rds.amazonaws.com", "vpc-flow-logs.amazonaws.com",
      ] } }
    },
    {
      Sid      = "RolesOfServices"
      Effect   = "Allow"
      Action   = "iam:CreateServiceLinkedRole"
      Resource = "arn:${local.partition}:iam::${local.account}:role/aws-service-role/*"
      Condition = { StringEquals = { "iam:AWSServiceName" = [
        "backup.amazonaws.com", "ecs.amazonaws.com", "ecs.application-autoscaling.amazonaws.com", "elasticloadbalancing.amazonaws.com",
        "rds.amazonaws.com", "replication.ecr.amazonaws.com", "wafv2.amazonaws.com",
      ] } }
    },
    {
      # No deployment widens its own door.
      Sid    = "HandsOffGithub"
      Effect = "Deny"
      Action = "iam:*"
      Resource = [
        "arn:${local.partition}:iam::${local.account}:role/${var.name}-github-*", "arn:${local.partition}:iam::${local.account}:policy/${var.name}-github-*",
        "arn:${local.partition}:iam::${local.account}:oidc-provider/*",
      ]
    },
  ]
}
