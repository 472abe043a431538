//! A history as it is written, to be broken before it is read.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use history::{History, Invariant, Report, check};
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

/// The files of a run, line by line.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) run: Value,
    pub(crate) clients: Vec<Value>,
    pub(crate) receiver: Vec<Value>,
    pub(crate) faults: Vec<Value>,
    pub(crate) processes: Vec<Value>,
    pub(crate) database: Vec<Value>,
}

impl Written {
    /// The rows of a table that are about a job.
    pub(crate) fn rows(&mut self, table: &str, job_id: Uuid) -> Vec<&mut Value> {
        let rows = self.database.iter_mut().filter(|line| line["table"] == table);
        rows.map(|line| &mut line["row"])
            .filter(|row| is_about(row, job_id))
            .collect()
    }

    /// The one row of a table that is about a job.
    pub(crate) fn row(&mut self, table: &str, job_id: Uuid) -> &mut Value {
        let mut rows = self.rows(table, job_id);
        assert_eq!(rows.len(), 1, "{table} of {job_id}");
        rows.remove(0)
    }

    /// The job's ended attempt with this number.
    pub(crate) fn attempt(&mut self, job_id: Uuid, number: u32) -> &mut Value {
        let mut rows = self.rows("attempt", job_id).into_iter();
        rows.find(|row| row["attempt"] == number).unwrap()
    }

    /// The job's first event of this name.
    pub(crate) fn event(&mut self, job_id: Uuid, name: &str) -> &mut Value {
        let mut rows = self.rows("job_event", job_id).into_iter();
        rows.find(|row| row["event"] == name).unwrap()
    }

    /// Adds a row.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what is added is not needed any more"
    )]
    pub(crate) fn add(&mut self, table: &str, row: Value) {
        self.database
            .push(serde_json::json!({ "table": table, "row": row }));
    }

    /// The number of a job that has an effect.
    pub(crate) fn number(&mut self, job_id: Uuid) -> u64 {
        let url = self.row("job", job_id)["payload"]["url"].clone();
        let (_, n) = url.as_str().unwrap().rsplit_once('/').unwrap();
        n.parse().unwrap()
    }

    /// Removes the rows that are about a job from these tables.
    pub(crate) fn remove(&mut self, tables: &[&str], job_id: Uuid) {
        let before = self.database.len();
        self.database.retain(|line| {
            !(tables.iter().any(|table| line["table"] == *table) && is_about(&line["row"], job_id))
        });
        assert_ne!(
            before,
            self.database.len(),
            "nothing of {job_id} was in {tables:?}"
        );
    }

    /// The submit of a job by its number: the line with what the client intended.
    pub(crate) fn intent(&mut self, n: u64) -> &mut Value {
        let mut lines = self.clients.iter_mut();
        lines.find(|line| line["n"] == n).unwrap()
    }

    /// Removes all lines of the clients with this type.
    pub(crate) fn remove_operations(&mut self, op_type: &str) {
        let before = self.clients.len();
        self.clients.retain(|line| line["type"] != op_type);
        assert_ne!(before, self.clients.len(), "there was no {op_type}");
    }

    /// Adds an operation with its answer.
    pub(crate) fn operation(&mut self, op_type: &str, mut invoke: Value, mut ok: Value) {
        let op = self.clients.len() + 1_000;
        let at = self.clients.last().unwrap()["at"].clone();
        for (line, phase) in [(&mut invoke, "invoke"), (&mut ok, "ok")] {
            line["at"] = at.clone();
            line["client"] = 1.into();
            line["op"] = op.into();
            line["type"] = op_type.into();
            line["phase"] = phase.into();
        }
        self.clients.extend([invoke, ok]);
    }

    /// Writes the files.
    pub(crate) fn write(&self, folder: &Path) {
        fs::write(folder.join("run.json"), self.run.to_string()).unwrap();
        let files = BTreeMap::from([
            ("clients.jsonl", &self.clients),
            ("receiver.jsonl", &self.receiver),
            ("faults.jsonl", &self.faults),
            ("processes.jsonl", &self.processes),
            ("database.jsonl", &self.database),
        ]);
        for (file, lines) in files {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            fs::write(folder.join(file), text).unwrap();
        }
    }

    /// Writes the files, reads them, and checks them.
    pub(crate) fn report(&self) -> Report {
        let folder = TempDir::new().unwrap();
        self.write(folder.path());
        check(&History::read(folder.path()).unwrap())
    }

    /// Checks that exactly these invariants are reported as broken.
    pub(crate) fn breaks(&self, expected: &[Invariant]) -> Report {
        let report = self.report();
        let broken: Vec<Invariant> = report.broken().into_keys().collect();
        assert_eq!(broken, expected, "\n{report}");
        report
    }

    /// Checks that one violation is reported, with this evidence.
    pub(crate) fn breaks_once(&self, invariant: Invariant, evidence: &str) -> Report {
        let report = self.breaks(&[invariant]);
        assert_eq!(report.violations.len(), 1, "\n{report}");
        let found = report.violations[0].to_string();
        assert!(found.contains(evidence), "{found}\nshould say: {evidence}");
        report
    }
}

fn is_about(row: &Value, job_id: Uuid) -> bool {
    let job_id = job_id.to_string();
    let is_bound = |ids: &Value| {
        ids.as_array()
            .is_some_and(|ids| ids.contains(&job_id.as_str().into()))
    };
    row["job_id"] == job_id.as_str()
        || is_bound(&row["job_ids"])
        || (row["id"] == job_id.as_str() && !row["state"].is_null())
}
