data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  full_name  = "${var.name}-${var.service}"
  is_service = var.runs == "for_ever"
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.name

  # A digest that no image has. Nothing runs it: there are no tasks before the first release, and a release puts its own here.
  no_digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
}

# What runs, by digest. Terraform makes the parameters, the deploy program writes them: each release, and the one before it,
# so that going back needs no search.
resource "aws_ssm_parameter" "digest" {
  #checkov:skip=CKV2_AWS_34:A digest is no secret; whoever may look at the service reads it there.
  #checkov:skip=CKV_AWS_337:A digest is no secret.
  for_each = toset(["digest", "previous_digest"])

  name           = "/${var.name}/${var.service}/${each.key}"
  description    = each.key == "digest" ? "The image of ${local.full_name} that was released last." : "The image of ${local.full_name} that was released before it."
  type           = "String"
  insecure_value = each.key == "digest" ? coalesce(var.image.digest, "none") : "none"

  lifecycle {
    ignore_changes = [insecure_value, value]
  }
}

locals {
  # Until there is a release, nothing is scaled: there would be no image to start.
  is_released = aws_ssm_parameter.digest["digest"].insecure_value != "none"
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:How long logs are kept is for log_retention_days to say; a year of them is rarely worth its price.
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts logs by itself; log_kms_key_arn is for whoever must hold the key.
  name              = "/${var.name}/${var.service}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_kms_key_arn
}

locals {
  container = merge(
    {
      name      = var.service
      image     = "${var.image.repository_url}@${coalesce(var.image.digest, local.no_digest)}"
      essential = true

      # The user that the images call nonroot. It owns nothing in them.
      user                   = "65532:65532"
      readonlyRootFilesystem = var.read_only_root
      privileged             = false
      linuxParameters = {
        initProcessEnabled = var.init_process
        capabilities       = { add = [], drop = ["ALL"] }
      }

      stopTimeout = var.stop_timeout_seconds
      # Each connection is a file, and the kernel's default of 1024 is less than what one task serves.
      ulimits = [{ name = "nofile", softLimit = 65536, hardLimit = 65536 }]

      environment  = [for name in sort(keys(var.environment)) : { name = name, value = var.environment[name] }]
      secrets      = [for name in sort(keys(var.secrets)) : { name = name, valueFrom = var.secrets[name] }]
      portMappings = [for port in var.port[*] : { containerPort = port, hostPort = port, protocol = "tcp" }]

      # A program that can't write its log must not stand still for it: lines beyond the buffer are lost.
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.this.name
          awslogs-region        = local.region
          awslogs-stream-prefix = var.service
          mode                  = "non-blocking"
          max-buffer-size       = "4m"
        }
      }
    },
    length(var.entrypoint) == 0 ? {} : { entryPoint = var.entrypoint },
    length(var.command) == 0 ? {} : { command = var.command },
    !local.is_service ? {} : {
      healthCheck = {
        command     = concat(["CMD"], var.health_check_command)
        interval    = 10
        timeout     = 5
        retries     = 3
        startPeriod = 30
      }
    },
  )
}

# The template of each release: the deploy program takes the newest one that Terraform made, puts a digest in, and registers
# that. So changes of settings ride along with the next release, and are rolled back with it.
resource "aws_ecs_task_definition" "this" {
  family                   = local.full_name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.size.cpu
  memory                   = var.size.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn
  container_definitions    = jsonencode([local.container])

  runtime_platform {
    cpu_architecture        = var.cpu_architecture
    operating_system_family = "LINUX"
  }

  # What runs now may stand on an older one.
  skip_destroy = true
}
