//! The database: reached from inside only, backed up for a week, and in production not lost with a zone or by mistake.

use super::Planned;

const LEAST_BACKUP_DAYS: u64 = 7;

pub(super) fn complaints(planned: &Planned) -> Vec<String> {
    let mut complaints = Vec::new();
    for database in planned.of_kind("aws_db_instance") {
        let mut complain = |what: &str| complaints.push(format!("{} {what}", database.address));
        if database.values["publicly_accessible"] != false {
            complain("must not be reached from outside");
        }
        let days = database.values["backup_retention_period"].as_u64();
        let is_copy = database.text("replicate_source_db").is_some();
        if !is_copy && days.is_none_or(|days| days < LEAST_BACKUP_DAYS) {
            complain("must keep backups for at least 7 days");
        }
        if planned.is_production() {
            if !database.is_true("deletion_protection") {
                complain("must be protected from being deleted");
            }
            if !is_copy && !database.is_true("multi_az") {
                complain("must stand in two zones");
            }
            if !is_copy && database.values["skip_final_snapshot"] != false {
                complain("must leave a snapshot behind");
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::planned;
    use super::*;

    const ADDRESS: &str = "database.aws_db_instance.this";

    #[test]
    fn production_has_two_zones_a_week_of_backups_and_a_lock() {
        let good = json!({
            "publicly_accessible": false, "backup_retention_period": 7, "deletion_protection": true,
            "multi_az": true, "skip_final_snapshot": false,
        });
        assert_eq!(complaints(&planned("prod", &[(ADDRESS, good)])), [""; 0]);
        let bad = json!({
            "publicly_accessible": true, "backup_retention_period": 6, "deletion_protection": false,
            "multi_az": false, "skip_final_snapshot": true,
        });
        assert_eq!(complaints(&planned("prod", &[(ADDRESS, bad)])).len(), 5);
        assert_eq!(complaints(&planned("prod", &[(ADDRESS, json!({}))])).len(), 5);
    }

    #[test]
    fn elsewhere_it_is_closed_and_backed_up() {
        let good = json!({"publicly_accessible": false, "backup_retention_period": 7});
        assert_eq!(complaints(&planned("dev", &[(ADDRESS, good)])), [""; 0]);
        assert_eq!(complaints(&planned("dev", &[(ADDRESS, json!({}))])).len(), 2);
    }
}
