# Containers of secrets, and who may read and write them. No value is ever in a variable, a plan or the state: programs, people
# and rotation functions put the values in.

locals {
  rotated = { for key, secret in var.secrets : key => secret if secret.rotation_days != null }
}

resource "aws_secretsmanager_secret" "this" {
  for_each = var.secrets
  #checkov:skip=CKV_AWS_149:AWS' own key is free and serves this account only; kms_key_arn names another.
  #checkov:skip=CKV2_AWS_57:Only what a function can change is rotated by one; a pepper is not, its change ends all API keys.

  name                    = "${var.name}/${each.key}"
  description             = each.value.description
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_days

  dynamic "replica" {
    for_each = each.value.replica_region[*]
    content {
      region     = replica.value
      kms_key_id = each.value.replica_kms_key_arn
    }
  }
}

resource "aws_secretsmanager_secret_policy" "this" {
  for_each = var.secrets

  secret_arn          = aws_secretsmanager_secret.this[each.key].arn
  block_public_policy = true

  # Within an account this is enough to read and write; the roles need no statement of their own.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "NobodyWithoutTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "secretsmanager:*"
        Resource  = "*"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      [for readers in [sort(each.value.readers)] : {
        Sid       = "Readers"
        Effect    = "Allow"
        Principal = { AWS = readers }
        Action    = "secretsmanager:GetSecretValue"
        # In the policy of a secret this is the secret itself.
        Resource = "*"
      } if length(readers) > 0],
      [for writers in [sort(each.value.writers)] : {
        Sid       = "Writers"
        Effect    = "Allow"
        Principal = { AWS = writers }
        Action    = "secretsmanager:PutSecretValue"
        Resource  = "*"
      } if length(writers) > 0],
    )
  })
}

# Secrets Manager must be allowed to start the function before it accepts the rotation.
resource "aws_lambda_permission" "rotation" {
  for_each = local.rotated

  statement_id   = "rotate-${var.name}-${replace(each.key, "/", "-")}"
  function_name  = each.value.rotation_lambda_arn
  action         = "lambda:InvokeFunction"
  principal      = "secretsmanager.amazonaws.com"
  source_account = split(":", each.value.rotation_lambda_arn)[4]
  source_arn     = aws_secretsmanager_secret.this[each.key].arn
}

resource "aws_secretsmanager_secret_rotation" "this" {
  for_each = local.rotated
  #checkov:skip=CKV_AWS_304:The variable refuses more than 90 days, which the scanner can't see.

  secret_id           = aws_secretsmanager_secret.this[each.key].id
  rotation_lambda_arn = each.value.rotation_lambda_arn
  # There may be no value yet, and then the first rotation would fail.
  rotate_immediately = false

  rotation_rules {
    automatically_after_days = each.value.rotation_days
  }

  depends_on = [aws_lambda_permission.rotation]
}
