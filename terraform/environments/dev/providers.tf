# Every resource gets these tags, so that costs can be told apart. There is no tag for the commit: it would change every
# resource with every apply.
locals {
  tags = {
    Project     = "tandem"
    Environment = var.environment
    Owner       = var.owner
    CostCenter  = var.cost_center
    ManagedBy   = "terraform"
    Repository  = var.repository
  }

  # An emulator takes any credentials, and answers all services at one address.
  is_emulated = var.aws_endpoint != null
}

provider "aws" {
  region                      = var.region
  access_key                  = local.is_emulated ? "test" : null
  secret_key                  = local.is_emulated ? "test" : null
  skip_credentials_validation = local.is_emulated
  skip_metadata_api_check     = local.is_emulated
  skip_region_validation      = local.is_emulated
  s3_use_path_style           = local.is_emulated
  # A call that an emulator does not know is retried for ten minutes otherwise.
  max_retries = local.is_emulated ? 3 : null

  default_tags {
    tags = local.tags
  }

  dynamic "endpoints" {
    for_each = var.aws_endpoint[*]

    content {
      acm                    = endpoints.value
      applicationautoscaling = endpoints.value
      backup                 = endpoints.value
      budgets                = endpoints.value
      ce                     = endpoints.value
      cloudwatch             = endpoints.value
      cloudwatchlogs         = endpoints.value
      codedeploy             = endpoints.value
      ec2                    = endpoints.value
      ecr                    = endpoints.value
      ecs                    = endpoints.value
      elbv2                  = endpoints.value
      events                 = endpoints.value
      iam                    = endpoints.value
      kms                    = endpoints.value
      lambda                 = endpoints.value
      rds                    = endpoints.value
      route53                = endpoints.value
      s3                     = endpoints.value
      secretsmanager         = endpoints.value
      sns                    = endpoints.value
      sqs                    = endpoints.value
      ssm                    = endpoints.value
      sts                    = endpoints.value
      wafv2                  = endpoints.value
    }
  }
}

# The second region, where copies are kept.
provider "aws" {
  alias                       = "dr"
  region                      = var.dr_region
  access_key                  = local.is_emulated ? "test" : null
  secret_key                  = local.is_emulated ? "test" : null
  skip_credentials_validation = local.is_emulated
  skip_metadata_api_check     = local.is_emulated
  skip_region_validation      = local.is_emulated
  s3_use_path_style           = local.is_emulated
  max_retries                 = local.is_emulated ? 3 : null

  default_tags {
    tags = local.tags
  }

  dynamic "endpoints" {
    for_each = var.aws_endpoint[*]

    content {
      backup         = endpoints.value
      cloudwatch     = endpoints.value
      cloudwatchlogs = endpoints.value
      ec2            = endpoints.value
      ecr            = endpoints.value
      events         = endpoints.value
      iam            = endpoints.value
      kms            = endpoints.value
      rds            = endpoints.value
      s3             = endpoints.value
      secretsmanager = endpoints.value
      sns            = endpoints.value
      sts            = endpoints.value
    }
  }
}
