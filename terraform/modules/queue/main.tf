# One lane: a standard queue of doorbells and the queue of its dead letters.
#
# It is not a FIFO queue. Order and exactly-once are decided in Postgres; a standard queue is cheaper, has no limit of
# throughput, and is a fair queue when each message names its tenant as message group, which the sender does.

resource "aws_sqs_queue" "lane" {
  name                       = var.name
  visibility_timeout_seconds = var.visibility_timeout_seconds
  receive_wait_time_seconds  = var.receive_wait_seconds
  message_retention_seconds  = var.retention_seconds
  max_message_size           = var.max_message_bytes

  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = var.kms_key_arn == null ? null : var.kms_reuse_seconds
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = var.max_receive_count
  })
}

resource "aws_sqs_queue" "dead" {
  name                      = "${var.name}-dead"
  receive_wait_time_seconds = var.receive_wait_seconds
  message_retention_seconds = var.dead_letter_retention_seconds
  # A dead letter is hidden while somebody looks at it; half a minute hides it from a redrive for no longer than needed.
  visibility_timeout_seconds = 30
  max_message_size           = var.max_message_bytes

  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = var.kms_key_arn == null ? null : var.kms_reuse_seconds
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null
}

# No other queue may bury its messages here: they would be counted as this lane's failures, and then deleted as unreadable.
resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url = aws_sqs_queue.dead.id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.lane.arn]
  })
}
