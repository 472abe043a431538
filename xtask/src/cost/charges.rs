//! What each planned thing costs: one function per group of types, each an answer of charges. A type that is neither here
//! nor in the list of what is free is not priced, and that is an error.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::line::{Charge, Line};
use super::plan::{Plan, Resource};
use super::prices::{Prices, Usage};

/// An environment whose price is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    pub plan: &'a Plan,
    pub prices: &'a Prices,
    pub usage: &'a Usage,
}

impl Case<'_> {
    /// What a planned thing costs; nothing if its type is free.
    ///
    /// # Errors
    ///
    /// When its type is neither priced nor free, or it lacks what its price depends on.
    pub fn charges(&self, resource: Resource<'_>) -> Result<Vec<Charge>> {
        let hours = self.prices.hours_per_month;
        let one = |line, price: &str, quantity| Ok(vec![Charge::new(line, price, quantity)]);
        match resource.kind {
            "aws_lb" => Ok(vec![
                Charge::new(Line::LoadBalancer, "alb", hours),
                Charge::new(Line::Addresses, "ipv4", hours * resource.count("subnets") as f64),
            ]),
            "aws_eip" => one(Line::Addresses, "ipv4", hours),
            "aws_nat_gateway" => one(Line::Egress, "nat", hours),
            "aws_instance" => Self::instance(resource, hours),
            "aws_vpc_endpoint" => match resource.text("vpc_endpoint_type")? {
                "Gateway" => Ok(Vec::new()),
                other => bail!(
                    "{} is a {other} endpoint, which has no price yet",
                    resource.address
                ),
            },
            "aws_db_instance" => Self::database(resource, hours),
            "aws_ecs_service" => self.service(resource),
            "aws_wafv2_web_acl" => Ok(vec![
                Charge::new(Line::Firewall, "waf.acl", 1.0),
                Charge::new(Line::Firewall, "waf.rule", resource.count("rule") as f64),
            ]),
            "aws_sqs_queue" => self.queue(resource),
            "aws_secretsmanager_secret" => one(
                Line::Secrets,
                "secrets.secret",
                1.0 + resource.count("replica") as f64,
            ),
            "aws_kms_key" => one(Line::Secrets, "kms.key", 1.0),
            "aws_ecr_repository" => one(Line::Images, "ecr.gb", self.usage.image_gb),
            // What is copied is stored in repositories of its own.
            "aws_ecr_replication_configuration" => Ok(Vec::new()),
            "aws_db_instance_automated_backups_replication" => Ok(vec![
                Charge::new(Line::Copies, "rds.backup_gb", self.usage.database_gb),
                Charge::new(
                    Line::Copies,
                    "traffic.between_regions_gb",
                    self.usage.backup_change_gb,
                ),
            ]),
            "aws_backup_plan" => one(Line::Copies, "rds.backup_gb", self.usage.snapshot_gb),
            "aws_s3_bucket" => one(Line::Storage, "s3.gb", self.usage.access_log_gb),
            // The zone is the account's, and is counted once, with the record that is always there.
            "aws_route53_record" if resource.address.contains(".this[") => {
                one(Line::Storage, "route53.zone", 1.0)
            }
            "aws_route53_record" => Ok(Vec::new()),
            "aws_cloudwatch_log_group" => self.log_group(resource),
            "aws_cloudwatch_metric_alarm" => one(
                Line::Alarms,
                "cloudwatch.alarm_metric",
                metrics_of_alarm(resource.after),
            ),
            "aws_cloudwatch_composite_alarm" => one(Line::Alarms, "cloudwatch.composite_alarm", 1.0),
            "aws_appautoscaling_policy" => one(
                Line::Alarms,
                "cloudwatch.alarm_metric",
                2.0 * metrics_of_policy(resource.after),
            ),
            "aws_cloudwatch_dashboard" => one(Line::Dashboards, "cloudwatch.dashboard", 1.0),
            kind if self.prices.free.contains_key(kind) => Ok(Vec::new()),
            kind => bail!(
                "{kind} ({}) has no price: add one to xtask/src/cost/charges.rs, or say in {} why it is free",
                resource.address,
                super::prices::FILE
            ),
        }
    }

    fn instance(resource: Resource<'_>, hours: f64) -> Result<Vec<Charge>> {
        let kind = resource.text("instance_type")?;
        let disk = resource.after["root_block_device"][0]["volume_size"]
            .as_f64()
            .with_context(|| format!("{} has no root_block_device", resource.address))?;
        Ok(vec![
            Charge::new(Line::Egress, format!("ec2.{kind}"), hours),
            Charge::new(Line::Egress, "ebs.gp3_gb", disk),
        ])
    }

    /// A standby doubles both. Its backups are not more than its storage, which costs nothing. Its administrator's password
    /// is a secret like others.
    fn database(resource: Resource<'_>, hours: f64) -> Result<Vec<Charge>> {
        let zones = if resource.after["multi_az"] == true {
            2.0
        } else {
            1.0
        };
        let mut charges = vec![Charge::new(
            Line::Database,
            format!("rds.{}", resource.text("instance_class")?),
            hours * zones,
        )];
        charges.push(Charge::new(
            Line::Database,
            "rds.gp3_gb",
            resource.number("allocated_storage")? * zones,
        ));
        if resource.after["manage_master_user_password"] == true {
            charges.push(Charge::new(Line::Secrets, "secrets.secret", 1.0));
        }
        Ok(charges)
    }

    fn service(&self, resource: Resource<'_>) -> Result<Vec<Charge>> {
        let line = match resource.text("name")? {
            "api" => Line::Api,
            "worker" => Line::Worker,
            other => bail!("{} is the service {other}, which has no line", resource.address),
        };
        let module = resource.module();
        let task = self
            .plan
            .of_kind("aws_ecs_task_definition")
            .find(|it| it.module() == module);
        let task = task.with_context(|| format!("{module} has no task definition"))?;
        if task.after["runtime_platform"][0]["cpu_architecture"] != "ARM64" {
            bail!("{} is not for ARM64, whose prices alone are known", task.address);
        }
        let (cpu, gb) = (task.number("cpu")? / 1024.0, task.number("memory")? / 1024.0);
        let tasks = self.tasks(resource.text("name")?)?;
        let hours = self.awake_hours(module) * tasks + self.prices.assumed.hours_of_two_versions * tasks;
        let spot = share_on_spot(resource.after, tasks);
        let mut charges = Vec::new();
        for (prefix, share) in [("fargate", 1.0 - spot), ("fargate_spot", spot)] {
            charges.push(Charge::new(line, format!("{prefix}.vcpu"), cpu * hours * share));
            charges.push(Charge::new(line, format!("{prefix}.gb"), gb * hours * share));
        }
        if resource.after["network_configuration"][0]["assign_public_ip"] == true {
            charges.push(Charge::new(Line::Addresses, "ipv4", hours));
        }
        Ok(charges)
    }

    /// How many tasks a service has: the least there are, or as many workers as the busiest hour takes.
    pub fn tasks(&self, service: &str) -> Result<f64> {
        let least = self.plan.least_tasks(service)?;
        let assumed = self.prices.assumed;
        let jobs_per_second = self.usage.million_jobs * 1e6 / (self.prices.hours_per_month * 3600.0);
        let needed = jobs_per_second * assumed.busiest_hour_to_average / assumed.jobs_per_second_and_worker;
        Ok(if service == "worker" {
            least.max(needed.ceil())
        } else {
            least
        })
    }

    /// In how many hours of a month the tasks of a module run.
    fn awake_hours(&self, module: &str) -> f64 {
        let mut schedules = self.plan.of_kind("aws_appautoscaling_scheduled_action");
        let share = if schedules.any(|it| it.module() == module) {
            self.prices.assumed.office_hours_share
        } else {
            1.0
        };
        self.prices.hours_per_month * share
    }

    /// A lane is asked for messages all the time, by each worker; its dead letters are looked at rarely.
    fn queue(&self, resource: Resource<'_>) -> Result<Vec<Charge>> {
        if resource.text("name")?.ends_with("-dead") {
            return Ok(Vec::new());
        }
        let awake = self.awake_hours("module.platform.module.worker") / self.prices.hours_per_month;
        let polls = self.prices.assumed.polls_of_a_queue * self.tasks("worker")? * awake;
        Ok(vec![Charge::new(Line::Queues, "sqs.requests", polls / 1e6)])
    }

    fn log_group(&self, resource: Resource<'_>) -> Result<Vec<Charge>> {
        let name = resource.text("name")?;
        let last = if name.starts_with("aws-waf-logs") {
            "waf"
        } else {
            name.rsplit('/').next().unwrap_or_default()
        };
        let per_job = self.prices.per_job;
        let gb = match last {
            "api" => self.usage.million_jobs * per_job.kb_logged_by_api + self.metrics_gb("api")?,
            "worker" => self.usage.million_jobs * per_job.kb_logged_by_worker + self.metrics_gb("worker")?,
            other => *self.usage.log_gb.get(other).with_context(|| {
                format!(
                    "{} is a log group that log_gb in {} does not know",
                    resource.address,
                    super::prices::FILE
                )
            })?,
        };
        let months = resource.number("retention_in_days")? / 30.0;
        Ok(vec![
            Charge::new(Line::Logs, "cloudwatch.log_gb", gb),
            Charge::new(Line::Logs, "cloudwatch.log_gb_stored", gb * months),
        ])
    }

    /// Metrics are lines of the log before they are metrics.
    fn metrics_gb(&self, service: &str) -> Result<f64> {
        if !self.plan.publishes_metrics()? {
            return Ok(0.0);
        }
        let minutes = self.awake_hours(&format!("module.platform.module.{service}")) * 60.0;
        Ok(minutes * self.prices.assumed.kb_of_metrics_per_task_and_minute * self.tasks(service)? / 1e6)
    }

    /// Metrics of ours: each name with each set of values of its labels, as long as tasks run.
    ///
    /// # Errors
    ///
    /// When a label's number of values is not known.
    pub fn published(&self, metrics: &Value) -> Result<Vec<Charge>> {
        if !self.plan.publishes_metrics()? {
            return Ok(Vec::new());
        }
        let mut series = 0.0;
        for set in metrics["metrics"]
            .as_object()
            .into_iter()
            .flat_map(|it| it.values())
            .flat_map(sets)
        {
            let mut values = 1.0;
            for label in set.as_array().into_iter().flatten().filter_map(Value::as_str) {
                values *= self.prices.label_values.get(label).with_context(|| {
                    format!(
                        "label_values in {} does not know the label {label}",
                        super::prices::FILE
                    )
                })?;
            }
            series += values;
        }
        let awake = self.awake_hours("module.platform.module.worker") / self.prices.hours_per_month;
        Ok(vec![Charge::new(
            Line::Metrics,
            "cloudwatch.metric",
            series * awake,
        )])
    }

    /// What jobs cost beside what is there for them.
    pub fn used_by_jobs(&self) -> Vec<Charge> {
        let (jobs, per_job, assumed) = (self.usage.million_jobs, self.prices.per_job, self.prices.assumed);
        let requests = jobs * per_job.http_requests;
        let to_internet = jobs * (per_job.kb_to_targets + per_job.kb_answered);
        let mut charges = vec![
            Charge::new(
                Line::LoadBalancer,
                "alb.lcu",
                requests * assumed.lcu_hours_per_million_requests,
            ),
            Charge::new(
                Line::Egress,
                "traffic.internet_gb",
                (to_internet - assumed.internet_gb_free).max(0.0),
            ),
            Charge::new(
                Line::Egress,
                "traffic.between_zones_gb",
                jobs * per_job.kb_between_zones,
            ),
            Charge::new(Line::Queues, "sqs.requests", jobs * per_job.sqs_requests),
        ];
        if self.plan.of_kind("aws_nat_gateway").next().is_some() {
            charges.push(Charge::new(Line::Egress, "nat.gb", jobs * per_job.kb_to_targets));
        }
        if self.plan.of_kind("aws_wafv2_web_acl").next().is_some() {
            charges.push(Charge::new(Line::Firewall, "waf.requests", requests));
        }
        // What RDS measures of the operating system goes to a log group that RDS makes itself.
        let monitoring = self.usage.log_gb.get("monitoring").copied().unwrap_or_default();
        charges.push(Charge::new(Line::Logs, "cloudwatch.log_gb", monitoring));
        charges
    }
}

fn sets(metric: &Value) -> impl Iterator<Item = &Value> {
    metric["sets"].as_array().into_iter().flatten()
}

/// An alarm over a formula costs as much as one for each metric that the formula looks at.
fn metrics_of_alarm(alarm: &Value) -> f64 {
    let queries = alarm["metric_query"].as_array().into_iter().flatten();
    let metrics = queries
        .filter(|query| query["metric"].as_array().is_some_and(|it| !it.is_empty()))
        .count();
    metrics.max(1) as f64
}

/// What a policy keeps at a target is watched by two alarms that AWS makes; a policy of steps is called by ours.
fn metrics_of_policy(policy: &Value) -> f64 {
    let targets = policy["target_tracking_scaling_policy_configuration"]
        .as_array()
        .into_iter()
        .flatten();
    let metrics = targets.map(|target| {
        let queries = target["customized_metric_specification"][0]["metrics"]
            .as_array()
            .into_iter()
            .flatten();
        let metrics = queries
            .filter(|query| query["metric_stat"].as_array().is_some_and(|it| !it.is_empty()))
            .count();
        metrics.max(1)
    });
    metrics.sum::<usize>() as f64
}

/// Which share of the tasks is on Spot: what is above the base is divided by the weights.
fn share_on_spot(service: &Value, tasks: f64) -> f64 {
    let strategies = || {
        service["capacity_provider_strategy"]
            .as_array()
            .into_iter()
            .flatten()
    };
    let sum = |name: &str, spot: bool| -> f64 {
        let of = strategies().filter(|it| (it["capacity_provider"] == "FARGATE_SPOT") == spot);
        of.filter_map(|it| it[name].as_f64()).sum()
    };
    let weights = sum("weight", true) + sum("weight", false);
    if weights == 0.0 || tasks == 0.0 {
        return 0.0;
    }
    let base = (sum("base", true) + sum("base", false)).min(tasks);
    let above = tasks - base;
    (sum("base", true).min(tasks) + above * sum("weight", true) / weights) / tasks
}
