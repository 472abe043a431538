# What the deploy program must know, where it finds it by the environment's name alone.

locals {
  deploy = {
    environment = var.environment
    cluster     = module.cluster.name
    url         = module.load_balancer.url
    # Whether something takes tasks away that must not do so while requests move.
    is_scaled = !local.without.autoscaling
    services = { for service, module in { api = module.api, worker = module.worker } : service => {
      name   = module.service_name
      family = module.task_definition_family
      # The newest revision that Terraform made: the settings of the next release.
      template          = module.task_definition_arn
      repository_url    = local.images[service].repository_url
      digest_parameters = module.digest_parameters
      codedeploy        = module.codedeploy
      log_group         = module.log_group_name
      least_tasks       = service == "api" ? var.api.tasks : var.worker.tasks
    } }
    migrate = {
      family            = module.migrate.task_definition_family
      template          = module.migrate.task_definition_arn
      repository_url    = local.images.api.repository_url
      digest_parameters = module.migrate.digest_parameters
      subnet_ids        = module.network.task_subnet_ids
      sg_ids            = [module.migrate.sg_id]
      assign_public_ip  = module.network.assign_public_ip
      log_group         = module.migrate.log_group_name
    }
    # Whose API key it tries a release with. The value is put there by the release's own migration.
    verify_key_secret = module.secrets.names["verify-key"]
  }
}

resource "aws_ssm_parameter" "deploy" {
  #checkov:skip=CKV2_AWS_34:Names are no secret; whoever may deploy reads them one by one as well.
  #checkov:skip=CKV_AWS_337:Names are no secret.
  name           = "/${var.name}/deploy"
  description    = "What a deployment of ${var.name} must know. The deploy program reads it, and nothing else writes it."
  type           = "String"
  insecure_value = jsonencode(local.deploy)
}
