# Production: two of everything that serves, and nothing that can be deleted by accident. What it costs, line by line, is in
# docs/cost.md.

region      = "eu-west-1"
dr_region   = "eu-central-1"
name        = "tandem-prod"
environment = "prod"
protected   = true

# What bootstrap has made for whoever applies by a role for GitHub; that role makes none without it.
permissions_boundary = "tandem-prod-github-boundary"

# An instance in each zone: when a zone is lost, the other goes on. One gateway would cost 25 dollars more, and is then what
# pushes wait for; the price of the instances is that their system is ours to renew.
network = {
  cidr        = "10.20.0.0/16"
  egress_mode = "nat_instance_per_az"
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

# What 25 dollars buy: the three dashboards that AWS gives, and burn rates of the promises that no other alarm is about. How
# long jobs wait is also what the alarms of the lanes and of the oldest job look at.
monitoring = {
  log_retention_days = 30
  burn_rate_alarms   = ["availability", "latency"]
  dashboards         = ["api", "worker", "business"]
  cost               = { month_usd = 168, million_jobs_usd = 2.8 }
}

copies = {
  backups     = true
  backup_days = 7
  vault       = true
  secrets     = true
}

# What runs jobs, 150, and what looks at it, 25.
budget = {
  limit_usd = 175
}
