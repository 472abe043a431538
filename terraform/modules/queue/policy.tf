# Access is granted here, to roles by their ARN, so that one page says who may do what with a lane. Within an account a
# queue's policy is enough; the roles need no statement of their own. Administrators act by their identity policies.

locals {
  # What each kind of client calls. SQS has one right for a call and its batch form.
  lane_actions = {
    producers = ["sqs:GetQueueAttributes", "sqs:SendMessage"]
    consumers = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    observers = ["sqs:GetQueueAttributes"]
  }
  # Workers send dead letters themselves, and read and delete those that were decided about.
  dead_actions = {
    consumers = [
      "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage",
    ]
    observers = ["sqs:GetQueueAttributes"]
  }
  clients = {
    producers = var.producers
    consumers = var.consumers
    observers = var.observers
  }

  policies = {
    lane = { arn = aws_sqs_queue.lane.arn, actions = local.lane_actions }
    dead = { arn = aws_sqs_queue.dead.arn, actions = local.dead_actions }
  }
  policy_json = {
    for queue, policy in local.policies : queue => jsonencode({
      Version = "2012-10-17"
      Statement = concat(
        [{
          Sid       = "NobodyWithoutTls"
          Effect    = "Deny"
          Principal = "*"
          Action    = "sqs:*"
          Resource  = policy.arn
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        }],
        [for kind, actions in policy.actions : {
          Sid       = title(kind)
          Effect    = "Allow"
          Principal = { AWS = sort(local.clients[kind]) }
          Action    = actions
          Resource  = policy.arn
        } if length(local.clients[kind]) > 0],
      )
    })
  }
}

resource "aws_sqs_queue_policy" "lane" {
  queue_url = aws_sqs_queue.lane.id
  policy    = local.policy_json.lane
}

resource "aws_sqs_queue_policy" "dead" {
  queue_url = aws_sqs_queue.dead.id
  policy    = local.policy_json.dead
}
