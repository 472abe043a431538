# What AWS tells as an event and not as a metric: deployments that failed, and a database that failed over or is in trouble.

locals {
  rolling_services = [for service in values(var.services) : service if service.codedeploy == null]
  codedeploy_apps  = [for service in values(var.services) : service.codedeploy if service.codedeploy != null]

  events = {
    # ECS tells this of the deployments that it makes itself.
    deployment-failed = {
      is_known = length(local.rolling_services) > 0
      pattern = {
        source      = ["aws.ecs"]
        detail-type = ["ECS Deployment State Change"]
        resources = [for service in local.rolling_services : {
          suffix = ":service/${service.cluster}/${service.service}"
        }]
        detail = { eventName = ["SERVICE_DEPLOYMENT_FAILED"] }
      }
      runbook = "bad-deploy"
      urgency = "page"
    }
    canary-failed = {
      is_known = length(local.codedeploy_apps) > 0
      pattern = {
        source      = ["aws.codedeploy"]
        detail-type = ["CodeDeploy Deployment State-change Notification"]
        detail      = { application = local.codedeploy_apps, state = ["FAILURE", "STOP"] }
      }
      runbook = "bad-deploy"
      urgency = "page"
    }
    database-event = {
      is_known = var.database_identifier != null
      pattern = {
        source      = ["aws.rds"]
        detail-type = ["RDS DB Instance Event"]
        detail = {
          SourceIdentifier = [var.database_identifier]
          EventCategories  = ["availability", "failover", "failure", "low storage", "recovery"]
        }
      }
      runbook = "database-failover"
      urgency = "ticket"
    }
  }
  wanted_events = { for name, event in local.events : name => event if var.alarms && event.is_known }
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = local.wanted_events

  name          = "${var.name}-${each.key}"
  description   = "Runbook: ${var.runbook_base}/${each.value.runbook}.md"
  event_pattern = jsonencode(each.value.pattern)
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = local.wanted_events

  rule = aws_cloudwatch_event_rule.this[each.key].name
  arn  = aws_sns_topic.this[each.value.urgency].arn
}
