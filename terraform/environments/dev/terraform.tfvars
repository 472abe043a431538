# Development: comes and goes, sleeps at night, and holds nothing that anybody would miss. Below 60 dollars a month.

region      = "eu-west-1"
dr_region   = "eu-central-1"
name        = "tandem-dev"
environment = "dev"
protected   = false

# Nobody would pay for a firewall here.
without = ["waf"]

# Tasks have addresses of their own, which is cheaper than any NAT as long as there are few.
network = {
  cidr        = "10.22.0.0/16"
  egress_mode = "public_ip"
  flow_logs   = false
}

load_balancer = {
  access_log_days = 0
}

# Images of pull requests: unreviewed code must not get into the repositories that are promoted.
images = {
  create = true
  prefix = "tandem-dev"
}

database = {
  instance_class              = "db.t4g.micro"
  multi_az                    = false
  backup_days                 = 7
  enhanced_monitoring_seconds = 0
}

# Deployments roll: a canary needs ordinary Fargate.
api = {
  tasks       = 1
  max_tasks   = 2
  connections = 6
  spot        = true
}

worker = {
  tasks          = 1
  max_tasks      = 3
  on_demand_base = 0
  connections    = 7
}

office_hours = {
  start     = "cron(0 7 ? * MON-FRI *)"
  stop      = "cron(0 19 ? * MON-FRI *)"
  time_zone = "Europe/Berlin"
}

monitoring = {
  log_retention_days = 7
  alarms             = false
  dashboards         = []
}

budget = {
  limit_usd = 60
}
