locals {
  flow_logs = var.flow_logs == null ? 0 : 1
}

resource "aws_cloudwatch_log_group" "flow" {
  #checkov:skip=CKV_AWS_338:Who knocked is of use for weeks, not for a year; retention_days is a variable.
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts logs by itself; kms_key_arn is for whoever must hold the key.
  count = local.flow_logs

  name              = "/${var.name}/flow"
  retention_in_days = var.flow_logs.retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_iam_role" "flow" {
  count = local.flow_logs

  name                 = "${var.name}-flow-logs"
  description          = "Lets VPC flow logs write to their log group."
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "vpc-flow-logs.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

data "aws_caller_identity" "current" {}

resource "aws_iam_role_policy" "flow" {
  count = local.flow_logs

  name = "write"
  role = aws_iam_role.flow[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
      Resource = "${aws_cloudwatch_log_group.flow[0].arn}:*"
    }]
  })
}

resource "aws_flow_log" "this" {
  count = local.flow_logs

  vpc_id                   = aws_vpc.this.id
  traffic_type             = var.flow_logs.traffic
  log_destination_type     = "cloud-watch-logs"
  log_destination          = aws_cloudwatch_log_group.flow[0].arn
  iam_role_arn             = aws_iam_role.flow[0].arn
  max_aggregation_interval = 600

  tags = { Name = var.name }
}
