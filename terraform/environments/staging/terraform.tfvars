# Staging: what production is, one of each, and where images come from. Within 75 dollars a month.

region      = "eu-west-1"
dr_region   = "eu-central-1"
name        = "tandem-staging"
environment = "staging"
protected   = true

# What bootstrap has made for whoever applies by a role for GitHub; that role makes none without it.
permissions_boundary = "tandem-staging-github-boundary"

network = {
  cidr        = "10.21.0.0/16"
  egress_mode = "nat_instance"
  flow_logs   = false
}

load_balancer = {
  access_log_days = 14
}

# Release candidates are built for staging, once, and production pulls the same digests from here.
images = {
  create             = true
  prefix             = "tandem"
  replication_region = "eu-central-1"
}

database = {
  instance_class = "db.t4g.micro"
  multi_az       = false
  backup_days    = 7
}

# All requests at once go to the new version: there are none but those of tests. The way back is the same as production's.
api = {
  tasks                 = 1
  max_tasks             = 2
  connections           = 6
  canary_percent        = 100
  keep_previous_minutes = 10
}

worker = {
  tasks          = 1
  max_tasks      = 3
  on_demand_base = 0
  connections    = 7
}

# Metrics of the programs' own would cost 18 dollars, and the alarms about them 4; they are seen at work in dev. What AWS
# measures by itself is watched here as well.
monitoring = {
  application_metrics = false
  log_retention_days  = 7
  burn_rate_alarms    = []
  dashboards          = []
}

budget = {
  limit_usd = 75
}
