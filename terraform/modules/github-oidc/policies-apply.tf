# What planning and applying need. Who applies makes roles, and so could make one that may more: that is why each must have the
# boundary of boundary.tf, and why the roles for GitHub are out of reach. What has no name of ours is told by its tags.

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

  # Networks have ids and no names. What is there is known by its tags, and what is made must get them. Things that are made in
  # others stand apart from those others, so that a tag that is asked for opens no network that is there.
  apply_network_statements = concat([
    {
      Sid    = "Network"
      Effect = "Allow"
      Action = [
        "ec2:Associate*", "ec2:Attach*", "ec2:Authorize*", "ec2:CreateFlowLogs", "ec2:CreateNatGateway", "ec2:CreateNetworkAcl*",
        "ec2:CreateRoute*", "ec2:CreateSecurityGroup", "ec2:CreateSubnet", "ec2:CreateTags", "ec2:CreateVpcEndpoint", "ec2:DeleteFlowLogs",
        "ec2:DeleteInternetGateway", "ec2:DeleteNatGateway", "ec2:DeleteNetwork*", "ec2:DeleteRoute*", "ec2:DeleteSecurityGroup",
        "ec2:DeleteSubnet", "ec2:DeleteTags", "ec2:DeleteVpc*", "ec2:Detach*", "ec2:Disassociate*", "ec2:ModifyInstance*",
        "ec2:ModifySecurityGroupRules", "ec2:ModifySubnetAttribute", "ec2:ModifyVpc*", "ec2:ReleaseAddress", "ec2:Replace*", "ec2:Revoke*",
        "ec2:RunInstances", "ec2:StartInstances", "ec2:StopInstances", "ec2:TerminateInstances", "ec2:UpdateSecurityGroup*",
      ]
      Resource  = [for arn in local.in_regions.ec2 : "${arn}:*"]
      Condition = local.is_ours
    }],
    [for sid, made in {
      NewNetworks = { actions = ["AllocateAddress", "CreateInternetGateway", "CreateVpc"], kinds = ["elastic-ip", "internet-gateway", "vpc"] }
      NewParts    = { actions = ["CreateNetworkAcl", "CreateRouteTable", "CreateSecurityGroup", "CreateSubnet"], kinds = ["network-acl", "route-table", "security-group", "subnet"] }
      NewMembers = {
        actions = ["AuthorizeSecurityGroup*", "CreateFlowLogs", "CreateNatGateway", "CreateVpcEndpoint", "RunInstances"]
        kinds   = ["instance", "natgateway", "security-group-rule", "vpc-endpoint", "vpc-flow-log"]
      }
      } : {
      Sid       = sid
      Effect    = "Allow"
      Action    = [for action in made.actions : "ec2:${action}"]
      Resource  = flatten([for arn in local.in_regions.ec2 : [for kind in made.kinds : "${arn}:${kind}/*"]])
      Condition = merge(local.becomes_ours, local.is_not_anothers)
    }],
    [
      {
        Sid       = "TagsOfWhatIsNew"
        Effect    = "Allow"
        Action    = "ec2:CreateTags"
        Resource  = [for arn in local.in_regions.ec2 : "${arn}:*"]
        Condition = merge(local.becomes_ours, local.is_not_anothers, { Null = { "ec2:CreateAction" = "false" } })
      },
      {
        # A network's own security group and an instance's volume are there before they can have tags.
        Sid       = "TagsOfWhatCameAlong"
        Effect    = "Allow"
        Action    = "ec2:CreateTags"
        Resource  = flatten([for arn in local.in_regions.ec2 : ["${arn}:security-group/*", "${arn}:volume/*"]])
        Condition = merge(local.becomes_ours, local.is_nobodys)
      },
      {
        # Nor has what an instance is made from, or its interface, which has the address.
        Sid      = "Instances"
        Effect   = "Allow"
        Action   = ["ec2:AssociateAddress", "ec2:DisassociateAddress", "ec2:RunInstances"]
        Resource = concat(flatten([for arn in local.in_regions.ec2 : ["${arn}:network-interface/*", "${arn}:volume/*"]]), [for region in var.regions : "arn:${local.partition}:ec2:${region}::image/*"])
      },
      {
        # The zone is one of AWS', behind an interface endpoint.
        Sid      = "EndpointNames"
        Effect   = "Allow"
        Action   = "route53:AssociateVPCWithHostedZone"
        Resource = concat(["arn:${local.partition}:route53:::hostedzone/*"], [for arn in local.in_regions.ec2 : "${arn}:vpc/*"])
      },
    ],
  )

  apply_entry_statements = [
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
      Sid       = "Certificates"
      Effect    = "Allow"
      Action    = ["acm:AddTagsToCertificate", "acm:DeleteCertificate", "acm:RemoveTagsFromCertificate", "acm:UpdateCertificateOptions"]
      Resource  = [for arn in local.in_regions.acm : "${arn}:certificate/*"]
      Condition = local.is_ours
    },
    {
      # A certificate is asked for before it has an id; AWS knows no resource for that.
      Sid       = "NewCertificates"
      Effect    = "Allow"
      Action    = "acm:RequestCertificate"
      Resource  = "*"
      Condition = { StringEquals = merge(local.becomes_ours.StringEquals, local.only_our_regions.StringEquals) }
    },
    {
      Sid       = "TagsOfNewCertificates"
      Effect    = "Allow"
      Action    = "acm:AddTagsToCertificate"
      Resource  = [for arn in local.in_regions.acm : "${arn}:certificate/*"]
      Condition = merge(local.becomes_ours, local.is_not_anothers)
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
        [for arn in local.in_regions.rds : "${arn}:*:${var.name}*"],
        [for arn in local.in_regions.backup : "${arn}:backup-vault:${var.name}*"],
      ])
    },
    {
      # An instance is made with the options that RDS has for its engine, and these are asked about as well.
      Sid    = "DefaultOptions"
      Effect = "Allow"
      Action = [
        "rds:CreateDBInstance", "rds:CreateDBInstanceReadReplica", "rds:ModifyDBInstance", "rds:RestoreDBInstanceFromDBSnapshot",
        "rds:RestoreDBInstanceToPointInTime",
      ]
      Resource = [for arn in local.in_regions.rds : "${arn}:og:default:*"]
    },
    {
      # Copied backups have ids and no tags. They are begun here; whoever ends them names the database.
      Sid      = "CopiedBackups"
      Effect   = "Allow"
      Action   = "rds:StartDBInstanceAutomatedBackupsReplication"
      Resource = [for arn in local.in_regions.rds : "${arn}:auto-backup:*"]
    },
    {
      Sid       = "BackupPlans"
      Effect    = "Allow"
      Action    = ["backup:*BackupPlan", "backup:*BackupSelection", "backup:TagResource", "backup:UntagResource"]
      Resource  = [for arn in local.in_regions.backup : "${arn}:backup-plan:*"]
      Condition = local.is_ours
    },
    {
      Sid       = "NewBackupPlans"
      Effect    = "Allow"
      Action    = ["backup:CreateBackupPlan", "backup:TagResource"]
      Resource  = [for arn in local.in_regions.backup : "${arn}:backup-plan:*"]
      Condition = merge(local.becomes_ours, local.is_not_anothers)
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
      # What a key is made with are parts of one call: its policy and its tags.
      Sid       = "NewKeys"
      Effect    = "Allow"
      Action    = ["kms:CreateKey", "kms:PutKeyPolicy", "kms:TagResource"]
      Resource  = "*"
      Condition = merge({ StringEquals = merge(local.becomes_ours.StringEquals, local.only_our_regions.StringEquals) }, local.is_not_anothers)
    },
    {
      # To make a vault asks for this too, and it knows no narrower resource.
      Sid      = "NewVaults"
      Effect   = "Allow"
      Action   = "backup-storage:MountCapsule"
      Resource = "*"
    },
    {
      # Keys have ids. Those that RDS and others make are theirs, and their policies let in whoever uses those services.
      Sid    = "Keys"
      Effect = "Allow"
      Action = [
        "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:CreateGrant", "kms:Decrypt", "kms:DeleteAlias", "kms:EnableKeyRotation",
        "kms:GenerateDataKey*", "kms:PutKeyPolicy", "kms:RetireGrant", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource",
        "kms:UpdateAlias", "kms:UpdateKeyDescription",
      ]
      Resource  = [for arn in local.in_regions.kms : "${arn}:key/*"]
      Condition = local.is_ours
    },
    {
      # For up to five minutes AWS does not know the tags of a new key. These follow at once, and are no way into one.
      Sid       = "YoungKeys"
      Effect    = "Allow"
      Action    = ["kms:CreateAlias", "kms:EnableKeyRotation"]
      Resource  = [for arn in local.in_regions.kms : "${arn}:key/*"]
      Condition = local.is_not_anothers
    },
    {
      Sid      = "KeyNames"
      Effect   = "Allow"
      Action   = ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"]
      Resource = [for arn in local.in_regions.kms : "${arn}:alias/${var.name}*"]
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
      Action = ["cloudwatch:*", "codedeploy:*", "ecs:*", "events:*", "logs:*", "ssm:*"]
      Resource = flatten([
        [for arn in local.in_regions.ecs : [
          "${arn}:cluster/${var.name}*", "${arn}:service/${var.name}*", "${arn}:task-definition/${var.name}*", "${arn}:capacity-provider/${var.name}*",
          "${arn}:task-set/${var.name}*",
        ]],
        [for arn in local.in_regions.codedeploy : ["${arn}:application:${var.name}*", "${arn}:deploymentgroup:${var.name}*", "${arn}:deploymentconfig:${var.name}*"]],
        [for arn in local.in_regions.cloudwatch : [
          "${arn}:alarm:${var.name}-*",
          # Whoever makes a policy of scaling by a target makes its alarms; their names are AWS'.
          "${arn}:alarm:TargetTracking-service/${var.name}/*",
        ]],
        # Dashboards belong to no region.
        "arn:${local.partition}:cloudwatch::${local.account}:dashboard/${var.name}-*",
        [for arn in local.in_regions.events : "${arn}:rule/${var.name}-*"],
        [for arn in local.in_regions.logs : ["${arn}:log-group:*${var.name}*"]],
        [for arn in local.in_regions.ssm : "${arn}:parameter/${var.name}/*"],
      ])
    },
    {
      # Images are of all environments, their repositories are of one.
      Sid       = "Repositories"
      Effect    = "Allow"
      Action    = "ecr:*"
      Resource  = local.repository_arns
      Condition = local.is_ours
    },
    {
      Sid       = "NewRepositories"
      Effect    = "Allow"
      Action    = ["ecr:CreateRepository", "ecr:TagResource"]
      Resource  = local.repository_arns
      Condition = merge(local.becomes_ours, local.is_not_anothers)
    },
    {
      Sid      = "NoShells"
      Effect   = "Deny"
      Action   = ["ecs:ExecuteCommand", "ecr:PutImage"]
      Resource = "*"
    },
    {
      # These can't be bound to a resource. An alarm about alarms asks for all of them, by AWS' own word on PutCompositeAlarm.
      Sid    = "Unbound"
      Effect = "Allow"
      Action = [
        "cloudwatch:PutCompositeAlarm", "ecr:PutRegistryScanningConfiguration", "ecr:PutReplicationConfiguration", "ecs:DeregisterTaskDefinition",
        "ecs:RegisterTaskDefinition", "elasticloadbalancing:SetWebAcl", "logs:CreateLogDelivery", "logs:DeleteLogDelivery",
        "logs:PutResourcePolicy", "logs:UpdateLogDelivery", "rds:CrossRegionCommunication", "sns:SetSubscriptionAttributes", "sns:Unsubscribe",
      ]
      Resource  = "*"
      Condition = local.only_our_regions
    },
    {
      Sid       = "Scaling"
      Effect    = "Allow"
      Action    = "application-autoscaling:*"
      Resource  = [for arn in local.in_regions.application-autoscaling : "${arn}:scalable-target/*"]
      Condition = local.is_ours
    },
    {
      Sid       = "NewScaling"
      Effect    = "Allow"
      Action    = ["application-autoscaling:RegisterScalableTarget", "application-autoscaling:TagResource"]
      Resource  = [for arn in local.in_regions.application-autoscaling : "${arn}:scalable-target/*"]
      Condition = merge(local.becomes_ours, local.is_not_anothers)
    },
    {
      Sid      = "Money"
      Effect   = "Allow"
      Action   = ["budgets:ModifyBudget", "budgets:TagResource", "budgets:UntagResource"]
      Resource = "arn:${local.partition}:budgets::${local.account}:budget/${var.name}*"
    },
    {
      Sid       = "Anomalies"
      Effect    = "Allow"
      Action    = ["ce:DeleteAnomaly*", "ce:TagResource", "ce:UntagResource", "ce:UpdateAnomaly*"]
      Resource  = [for kind in ["anomalymonitor", "anomalysubscription"] : "arn:${local.partition}:ce::${local.account}:${kind}/*"]
      Condition = local.is_ours
    },
    {
      Sid       = "NewAnomalies"
      Effect    = "Allow"
      Action    = ["ce:CreateAnomalyMonitor", "ce:CreateAnomalySubscription"]
      Resource  = "*"
      Condition = local.becomes_ours
    },
  ]

  # A role that is made here may never do more than the boundary says, whatever its policies say. The boundary itself, as all
  # that belongs to GitHub, is out of reach.
  apply_identity_statements = [
    {
      Sid    = "Roles"
      Effect = "Allow"
      Action = [
        "iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:DeleteRole", "iam:TagPolicy",
        "iam:TagRole", "iam:UntagPolicy", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription",
      ]
      Resource = [for kind in ["role", "policy"] : "arn:${local.partition}:iam::${local.account}:${kind}/${var.name}-*"]
    },
    {
      Sid    = "BoundedRoles"
      Effect = "Allow"
      Action = [
        "iam:CreateRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy",
      ]
      Resource  = "arn:${local.partition}:iam::${local.account}:role/${var.name}-*"
      Condition = { StringEquals = { "iam:PermissionsBoundary" = local.boundary_arn } }
    },
    {
      Sid      = "OnlyKnownPolicies"
      Effect   = "Allow"
      Action   = "iam:AttachRolePolicy"
      Resource = "arn:${local.partition}:iam::${local.account}:role/${var.name}-*"
      Condition = {
        StringEquals = { "iam:PermissionsBoundary" = local.boundary_arn }
        ArnLike = { "iam:PolicyARN" = [
          "arn:${local.partition}:iam::${local.account}:policy/${var.name}-*", "arn:${local.partition}:iam::aws:policy/service-role/*",
        ] }
      }
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
    {
      # The key of the states has no environment's tags, and gets none.
      Sid      = "HandsOffTheStatesKey"
      Effect   = "Deny"
      Action   = ["kms:CreateAlias", "kms:PutKeyPolicy", "kms:TagResource"]
      Resource = length(local.state_key) == 0 ? ["arn:${local.partition}:kms:::key/none"] : local.state_key
    },
  ]
}
