# Two topics, by urgency: what somebody must look at now, and what can wait for a working day.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account     = data.aws_caller_identity.current.account_id
  partition   = data.aws_partition.current.partition
  region      = data.aws_region.current.name
  kms_key_arn = var.kms_key_arn == null ? aws_kms_key.topics[0].arn : var.kms_key_arn

  urgencies = { page = var.subscribers.page, ticket = var.subscribers.ticket }
  subscriptions = merge([
    for urgency, endpoints in local.urgencies : { for endpoint in endpoints : "${urgency} ${endpoint}" => { urgency = urgency, endpoint = endpoint } }
  ]...)

  publishers = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com", "events.amazonaws.com"]
}

resource "aws_kms_key" "topics" {
  count = var.kms_key_arn == null ? 1 : 0

  description         = "Alarms of ${var.name}"
  enable_key_rotation = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # The account decides by IAM who administers the key, as for every key that it makes.
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "Publishers"
        Effect    = "Allow"
        Principal = { Service = local.publishers }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        # Some of them don't say for which account they act.
        Condition = { StringEqualsIfExists = { "aws:SourceAccount" = local.account } }
      },
    ]
  })
}

resource "aws_kms_alias" "topics" {
  count = var.kms_key_arn == null ? 1 : 0

  name          = "alias/${var.name}-alarms"
  target_key_id = aws_kms_key.topics[0].key_id
}

resource "aws_sns_topic" "this" {
  for_each = local.urgencies

  name              = "${var.name}-${each.key}"
  kms_master_key_id = local.kms_key_arn
}

resource "aws_sns_topic_policy" "this" {
  for_each = local.urgencies

  arn = aws_sns_topic.this[each.key].arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "NobodyWithoutTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.this[each.key].arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "AlarmsAndBudgets"
        Effect    = "Allow"
        Principal = { Service = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"] }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.this[each.key].arn
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
      {
        Sid       = "Events"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.this[each.key].arn
        Condition = { ArnLike = { "aws:SourceArn" = "arn:${local.partition}:events:${local.region}:${local.account}:rule/${var.name}-*" } }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "this" {
  for_each = local.subscriptions

  topic_arn = aws_sns_topic.this[each.value.urgency].arn
  protocol  = startswith(each.value.endpoint, "https://") ? "https" : "email"
  endpoint  = each.value.endpoint
}
