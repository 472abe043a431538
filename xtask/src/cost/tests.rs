//! Plans of a few things, with prices that are easy to multiply.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::bill::Bill;
use super::document;
use super::plan::Plan;
use super::prices::{Prices, Share};
use super::shown::{self, Figures, Shown};

/// What the list says of everything, made smaller: ten hours a month, no jobs.
fn prices() -> Prices {
    let mut list: Value = serde_json::from_str(include_str!("../../../docs/prices.json")).unwrap();
    list["hours_per_month"] = json!(10);
    for price in [
        "alb",
        "ipv4",
        "nat",
        "rds.db.t4g.small",
        "rds.gp3_gb",
        "fargate.vcpu",
        "fargate_spot.vcpu",
    ] {
        list["prices"][price]["usd"] = json!(1);
    }
    list["assumed"]["hours_of_two_versions"] = json!(0);
    list["environments"]["dev"]["million_jobs"] = json!(0);
    Prices::parse(&list.to_string()).unwrap()
}

fn planned(resources: &[(&str, Value)]) -> Plan {
    let changes: Vec<Value> = resources
        .iter()
        .map(|(address, after)| {
            let kind = address.rsplit('.').nth(1).unwrap();
            json!({"address": address, "mode": "managed", "type": kind, "change": {"after": after}})
        })
        .collect();
    let services = json!({"api": {"least_tasks": 2}, "worker": {"least_tasks": 3}});
    serde_json::from_value(json!({
        "resource_changes": changes,
        "output_changes": {"platform": {"after": {"deploy": {"services": services}, "application_metrics": true}}},
    }))
    .unwrap()
}

fn bill(resources: &[(&str, Value)]) -> Result<Bill, String> {
    let metrics = json!({"metrics": {"a": {"sets": [[], ["queue", "to"]]}}});
    Bill::of("dev", &planned(resources), &prices(), &metrics, None).map_err(|error| format!("{error:#}"))
}

/// Dollars for what runs jobs.
fn usd(resources: &[(&str, Value)]) -> f64 {
    let empty = bill(&[]).unwrap().sum(Share::Platform);
    bill(resources).unwrap().sum(Share::Platform) - empty
}

fn assert_usd(resources: &[(&str, Value)], expected: f64) {
    let usd = usd(resources);
    assert!((usd - expected).abs() < 1e-9, "{usd} dollars, not {expected}");
}

#[test]
fn a_load_balancer_has_an_address_in_each_subnet() {
    assert_usd(
        &[("m.aws_lb.this", json!({"subnets": [null, null]}))],
        10.0 + 20.0,
    );
}

#[test]
fn a_standby_doubles_hours_and_storage() {
    let database =
        |multi_az| json!({"instance_class": "db.t4g.small", "allocated_storage": 20, "multi_az": multi_az});
    assert_usd(&[("m.aws_db_instance.this", database(false))], 10.0 + 20.0);
    assert_usd(&[("m.aws_db_instance.this", database(true))], 20.0 + 40.0);
}

#[test]
fn tasks_above_the_base_are_on_spot() {
    let task = json!({"cpu": "1024", "memory": "0", "runtime_platform": [{"cpu_architecture": "ARM64"}]});
    let service = |strategy: Value| {
        [
            ("m.aws_ecs_task_definition.this", task.clone()),
            (
                "m.aws_ecs_service.this",
                json!({"name": "worker", "capacity_provider_strategy": strategy}),
            ),
        ]
    };
    let quantities = |strategy: Value| -> Vec<(String, f64)> {
        let bill = bill(&service(strategy)).unwrap();
        let rows = bill.rows.iter().filter(|row| row.per.starts_with("vCPU"));
        rows.map(|row| (row.per.clone(), row.quantity)).collect()
    };
    let on_demand = ("vCPU-hour".to_owned(), 30.0);
    assert_eq!(quantities(json!([])), [on_demand]);
    let mixed = json!([
        {"capacity_provider": "FARGATE", "base": 1, "weight": 0},
        {"capacity_provider": "FARGATE_SPOT", "base": 0, "weight": 1},
    ]);
    let [(_, ordinary), (_, spot)] = &quantities(mixed)[..] else {
        panic!("both kinds are used");
    };
    assert!(
        (ordinary - 10.0).abs() < 1e-9 && (spot - 20.0).abs() < 1e-9,
        "{ordinary} and {spot}"
    );
}

#[test]
fn an_alarm_costs_as_much_as_its_formula_looks_at() {
    let metric = json!({"metric": [{}]});
    let formula = json!({"metric_query": [metric, metric, {"metric": []}]});
    let alarms = |alarm: Value| {
        let bill = bill(&[("m.aws_cloudwatch_metric_alarm.this", alarm)]).unwrap();
        bill.rows
            .iter()
            .find(|row| row.per == "alarm's metric")
            .unwrap()
            .quantity
    };
    assert_eq!((alarms(json!({})), alarms(formula)), (1.0, 2.0));
}

#[test]
fn each_set_of_values_of_labels_is_a_metric() {
    let bill = bill(&[]).unwrap();
    let metrics = bill.rows.iter().find(|row| row.per == "metric of ours").unwrap();
    assert_eq!(metrics.quantity, 1.0 + 3.0 * 3.0);
}

#[test]
fn what_is_neither_priced_nor_free_is_named() {
    let said = bill(&[("m.aws_vpc.this", json!({})), ("m.aws_mq_broker.this", json!({}))]).unwrap_err();
    assert_eq!(
        said,
        "dev: aws_mq_broker (m.aws_mq_broker.this) has no price: add one to xtask/src/cost/charges.rs, or say in \
         docs/prices.json why it is free"
    );
    let instance = json!({"instance_type": "m9g.large", "root_block_device": [{"volume_size": 8}]});
    assert_eq!(
        bill(&[("m.aws_instance.this", instance)]).unwrap_err(),
        "docs/prices.json has no price for ec2.m9g.large"
    );
}

#[test]
fn a_sum_above_its_budget_is_told() {
    let complaints = |usd: f64, limit: &str| {
        let mut prices = prices();
        prices.budgets.retain(|budget| budget.environment == "dev");
        prices.budgets[0].usd = usd;
        let bills = super::Bills {
            bills: vec![bill(&[("m.aws_budgets_budget.this", json!({"limit_amount": limit}))]).unwrap()],
            elsewhere: BTreeMap::new(),
            variations: Vec::new(),
            shown: Vec::new(),
            in_grafana: None,
            prices,
        };
        bills.above_budget()
    };
    // Ten metrics, and nothing else.
    assert_eq!(complaints(3.0, "3.0"), [""; 0]);
    assert_eq!(
        complaints(2.99, "2.5"),
        [
            "dev costs 3.00 dollars a month, and its budget in Terraform is 2.5",
            "dev: Everything costs 3.00 dollars a month, which is above 2.99"
        ]
    );
}

#[test]
fn a_price_has_a_source() {
    let mut list: Value = serde_json::from_str(include_str!("../../../docs/prices.json")).unwrap();
    list["prices"]["alb"]["source"] = json!("hearsay");
    assert_eq!(
        Prices::parse(&list.to_string()).unwrap_err().to_string(),
        "alb has the source hearsay, which is not in sources"
    );
}

#[test]
fn another_region_has_other_prices() {
    let here = prices();
    let there = here.of_region("eu-west-1").unwrap();
    assert_eq!((there.prices["alb"].usd, there.prices["ipv4"].usd), (0.0252, 1.0));
    assert!(here.of_region("eu-nowhere-1").is_none());
    let mut list: Value = serde_json::from_str(include_str!("../../../docs/prices.json")).unwrap();
    list["elsewhere"]["eu-west-1"]["usd"]["bananas"] = json!(1);
    assert_eq!(
        Prices::parse(&list.to_string()).unwrap_err().to_string(),
        "bananas of eu-west-1 takes the place of no price"
    );
}

#[test]
fn a_plan_is_read_from_what_tests_tell() {
    let told = "{\"type\":\"version\"}\n{\"type\":\"test_plan\",\"test_plan\":{\"resource_changes\":[],\"other\":1}}\n";
    assert!(Plan::first_in(told).unwrap().is_some());
    assert!(Plan::first_in("{\"type\":\"version\"}\n").unwrap().is_none());
}

#[test]
fn a_table_is_put_between_its_comments_and_stays_there() {
    let document = "before\n<!-- a -->\nold\n<!-- end of a -->\nafter\n";
    let new = document::with_block(document, "a", "new\n").unwrap();
    assert_eq!(new, "before\n<!-- a -->\n\nnew\n\n<!-- end of a -->\nafter\n");
    assert_eq!(document::with_block(&new, "a", "new").unwrap(), new);
    assert_eq!(
        document::with_block(document, "b", "").unwrap_err().to_string(),
        "docs/cost.md has no <!-- b -->"
    );
}

fn figures(month_usd: f64, million_jobs_usd: f64) -> Figures {
    Figures {
        month_usd,
        million_jobs_usd,
    }
}

#[test]
fn figures_on_dashboards_are_those_of_the_bill() {
    let complaint = |told| {
        let shown = Shown {
            environment: "prod".to_owned(),
            region: "eu-west-1".to_owned(),
            billed: figures(160.2, 2.04),
            told,
        };
        shown.complaint()
    };
    for told in [figures(160.2, 2.04), figures(161.0, 2.0), figures(159.3, 2.1)] {
        assert_eq!(complaint(Some(told)), None);
    }
    let at = "terraform/environments/prod/terraform.tfvars: monitoring.cost";
    for (month_usd, million_jobs_usd) in [(162.0, 2.0), (158.0, 2.0), (160.0, 2.5), (160.0, 1.0)] {
        assert_eq!(
            complaint(Some(figures(month_usd, million_jobs_usd))).unwrap(),
            format!(
                "{at} says month_usd = {month_usd} and million_jobs_usd = {million_jobs_usd}, and the bill says month_usd = \
                 160 and million_jobs_usd = 2.0"
            )
        );
    }
    assert_eq!(
        complaint(None).unwrap(),
        format!(
            "{at} should be there, with month_usd = 160 and million_jobs_usd = 2.0, for the dashboard business"
        )
    );
}

#[test]
fn a_plan_tells_what_its_dashboards_say() {
    let plan = |cost: Value, dashboard: &str| -> Plan {
        serde_json::from_value(json!({
            "resource_changes": [{
                "address": "m.aws_cloudwatch_dashboard.this", "mode": "managed", "type": "aws_cloudwatch_dashboard",
                "change": {"after": {"dashboard_name": dashboard}},
            }],
            "output_changes": {"platform": {"after": {"cost": cost}}},
        }))
        .unwrap()
    };
    let told = plan(
        json!({"month_usd": 160, "million_jobs_usd": 2.5}),
        "tandem-prod-business",
    );
    assert_eq!(told.told_cost().unwrap(), Some(figures(160.0, 2.5)));
    assert!(told.shows_business().unwrap());
    let silent = plan(json!(null), "tandem-prod-api");
    assert_eq!(silent.told_cost().unwrap(), None);
    assert!(!silent.shows_business().unwrap());
    assert!(plan(json!({"month_usd": 160}), "a").told_cost().is_err());
}

#[test]
fn grafana_has_its_figures_in_variables() {
    let variable = |name, first, later| json!({"name": name, "query": later, "current": {"value": first}});
    let read = |list: Value| Figures::of_dashboard(&json!({"templating": {"list": list}}));
    let month = variable("month_usd", "160", "160");
    assert_eq!(
        read(json!([month, variable("million_jobs_usd", "2.5", "2.5")])),
        Some(figures(160.0, 2.5))
    );
    for other in [
        variable("million_jobs_usd", "2.5", "3"),
        variable("million_jobs_usd", "much", "much"),
    ] {
        assert_eq!(read(json!([month, other])), None);
    }
    assert_eq!(read(json!([month])), None);
}

#[test]
fn an_environment_says_where_it_is() {
    let text =
        "# region = \"mars\"\nname = \"a\"\nregion      = \"eu-west-1\"\ndr_region = \"eu-central-1\"\n";
    assert_eq!(shown::region_in(text), Some("eu-west-1"));
    assert_eq!(shown::region_in("dr_region = \"eu-central-1\"\n"), None);
}
