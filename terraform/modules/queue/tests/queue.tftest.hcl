mock_provider "aws" {
  override_resource {
    target = aws_sqs_queue.lane
    values = {
      id  = "https://sqs.eu-central-1.amazonaws.com/111122223333/tandem-test-default"
      url = "https://sqs.eu-central-1.amazonaws.com/111122223333/tandem-test-default"
      arn = "arn:aws:sqs:eu-central-1:111122223333:tandem-test-default"
    }
  }
  override_resource {
    target = aws_sqs_queue.dead
    values = {
      id  = "https://sqs.eu-central-1.amazonaws.com/111122223333/tandem-test-default-dead"
      url = "https://sqs.eu-central-1.amazonaws.com/111122223333/tandem-test-default-dead"
      arn = "arn:aws:sqs:eu-central-1:111122223333:tandem-test-default-dead"
    }
  }
}

variables {
  name      = "tandem-test-default"
  producers = ["arn:aws:iam::111122223333:role/tandem-test-worker"]
  consumers = ["arn:aws:iam::111122223333:role/tandem-test-worker"]
  observers = ["arn:aws:iam::111122223333:role/tandem-test-api"]
  alarms    = { topic_arns = ["arn:aws:sns:eu-central-1:111122223333:tandem-test-page"] }
}

run "messages_that_nobody_can_handle_are_buried_in_the_lanes_own_queue" {
  assert {
    condition = jsondecode(aws_sqs_queue.lane.redrive_policy) == {
      deadLetterTargetArn = "arn:aws:sqs:eu-central-1:111122223333:tandem-test-default-dead"
      maxReceiveCount     = 10
    }
    error_message = "The lane must move a message to its own dead-letter queue after ten receives."
  }
  assert {
    condition = jsondecode(aws_sqs_queue_redrive_allow_policy.dead.redrive_allow_policy) == {
      redrivePermission = "byQueue"
      sourceQueueArns   = ["arn:aws:sqs:eu-central-1:111122223333:tandem-test-default"]
    }
    error_message = "Only the lane may use the dead-letter queue."
  }
  assert {
    condition     = aws_sqs_queue_redrive_allow_policy.dead.queue_url == aws_sqs_queue.dead.id
    error_message = "The allow policy belongs to the dead-letter queue."
  }
  assert {
    condition     = aws_sqs_queue.dead.message_retention_seconds == 1209600
    error_message = "Dead letters are kept for 14 days."
  }
}

run "messages_are_encrypted_and_small_and_polled_for_long" {
  assert {
    condition = alltrue([
      for queue in [aws_sqs_queue.lane, aws_sqs_queue.dead] : queue.sqs_managed_sse_enabled && queue.kms_master_key_id == null
    ])
    error_message = "Without a key of ours SQS must encrypt with its own."
  }
  assert {
    condition     = aws_sqs_queue.lane.receive_wait_time_seconds == 20 && aws_sqs_queue.lane.max_message_size == 4096
    error_message = "Receives wait for 20 s, and a message is no larger than 4 KB."
  }
  assert {
    condition     = aws_sqs_queue.lane.fifo_queue != true
    error_message = "A lane is a standard queue; a FIFO queue has neither fair queues nor its throughput."
  }
}

run "a_key_of_ours_replaces_that_of_sqs" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  }
  assert {
    condition = alltrue([
      for queue in [aws_sqs_queue.lane, aws_sqs_queue.dead] :
      queue.kms_master_key_id == var.kms_key_arn && queue.kms_data_key_reuse_period_seconds == 3600
    ])
    error_message = "Both queues must use the key, and ask KMS once an hour."
  }
}

run "nobody_is_served_without_tls" {
  assert {
    condition = alltrue([
      for policy in [aws_sqs_queue_policy.lane, aws_sqs_queue_policy.dead] :
      one([for s in jsondecode(policy.policy).Statement : s if s.Effect == "Deny"]) == {
        Sid       = "NobodyWithoutTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource = (policy.queue_url == aws_sqs_queue.lane.id
          ? "arn:aws:sqs:eu-central-1:111122223333:tandem-test-default"
        : "arn:aws:sqs:eu-central-1:111122223333:tandem-test-default-dead")
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }
    ])
    error_message = "Both queues must deny everything that comes without TLS."
  }
}

run "each_role_may_do_what_it_does_and_nothing_else" {
  assert {
    condition = { for s in jsondecode(aws_sqs_queue_policy.lane.policy).Statement : s.Sid => [s.Principal.AWS, s.Action] if s.Effect == "Allow" } == {
      Producers = [["arn:aws:iam::111122223333:role/tandem-test-worker"], ["sqs:GetQueueAttributes", "sqs:SendMessage"]]
      Consumers = [["arn:aws:iam::111122223333:role/tandem-test-worker"], ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]]
      Observers = [["arn:aws:iam::111122223333:role/tandem-test-api"], ["sqs:GetQueueAttributes"]]
    }
    error_message = "The rights on the lane must be those of the table."
  }
  assert {
    condition = { for s in jsondecode(aws_sqs_queue_policy.dead.policy).Statement : s.Sid => [s.Principal.AWS, s.Action] if s.Effect == "Allow" } == {
      Consumers = [["arn:aws:iam::111122223333:role/tandem-test-worker"], ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"]]
      Observers = [["arn:aws:iam::111122223333:role/tandem-test-api"], ["sqs:GetQueueAttributes"]]
    }
    error_message = "The rights on the dead-letter queue must be those of the table."
  }
}

run "without_roles_nobody_is_allowed_anything" {
  variables {
    producers = []
    consumers = []
    observers = []
  }
  assert {
    condition = alltrue([
      for policy in [aws_sqs_queue_policy.lane, aws_sqs_queue_policy.dead] :
      [for s in jsondecode(policy.policy).Statement : s.Effect] == ["Deny"]
    ])
    error_message = "A statement without principals would be refused by AWS."
  }
}

run "alarms_watch_the_right_queue_and_name_their_runbook" {
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.dead_letters[0].dimensions == tomap({ QueueName = "tandem-test-default-dead" })
      && aws_cloudwatch_metric_alarm.dead_letters[0].threshold == 0
      && aws_cloudwatch_metric_alarm.age[0].dimensions == tomap({ QueueName = "tandem-test-default" })
      && aws_cloudwatch_metric_alarm.age[0].threshold == 120
    )
    error_message = "One alarm watches the dead letters and one the age of the oldest doorbell."
  }
  assert {
    condition = alltrue([
      for alarm in [aws_cloudwatch_metric_alarm.dead_letters[0], aws_cloudwatch_metric_alarm.age[0]] :
      alarm.alarm_actions == toset(var.alarms.topic_arns) && alarm.ok_actions == toset(var.alarms.topic_arns)
      && can(regex("Runbook: docs/runbooks/[a-z-]+\\.md$", alarm.alarm_description))
    ])
    error_message = "Each alarm tells the topics, and its description ends with its runbook."
  }
  assert {
    condition     = jsonencode(output.alarm_names) == jsonencode({ dead_letters = "tandem-test-default-dead-letters", age = "tandem-test-default-backlog-age" })
    error_message = "The names of the alarms are told, so that deployments can watch them."
  }
}

run "alarms_can_be_off" {
  variables {
    alarms = { enabled = false }
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.dead_letters) + length(aws_cloudwatch_metric_alarm.age) == 0 && length(output.alarm_names) == 0
    error_message = "No alarm is made, and none is named."
  }
}
