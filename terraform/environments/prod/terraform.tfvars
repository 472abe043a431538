# Production: two of everything that serves, and nothing that can be deleted by accident. About 160 dollars a month.

region      = "eu-west-1"
dr_region   = "eu-central-1"
name        = "tandem-prod"
environment = "prod"
protected   = true

# One gateway: when its zone is lost, pushes wait, and nothing else does. One for each zone costs 37 dollars more.
network = {
  cidr        = "10.20.0.0/16"
  egress_mode = "nat_gateway_single"
}

load_balancer = {
  access_log_days = 90
}

# Production runs what staging has tested, from the same repositories.
images = {
  create = false
  prefix = "tandem"
}

database = {
  instance_class = "db.t4g.small"
  multi_az       = true
  backup_days    = 7
}

api = {
  tasks          = 2
  max_tasks      = 4
  canary_percent = 10
  bake_minutes   = 5
}

# One task on ordinary Fargate, so that there is always one; the others on Spot.
worker = {
  tasks          = 2
  max_tasks      = 4
  on_demand_base = 1
}

monitoring = {
  log_retention_days = 30
}

copies = {
  backups     = true
  backup_days = 7
  vault       = true
  secrets     = true
}

# What it costs by the list, and what monitoring costs on top.
budget = {
  limit_usd = 175
}
