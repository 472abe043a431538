//! What is done to the system is written down before it is done.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use serde_json::{Value, json};

use crate::journal::Journal;
use crate::process::Incarnation;

/// The record of all faults.
#[derive(Debug)]
pub(crate) struct Faults {
    journal: Journal,
    counts: Mutex<BTreeMap<String, u32>>,
}

/// Who a fault happens to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Victim<'a> {
    pub(crate) process: &'a str,
    pub(crate) incarnation: u32,
}

impl Victim<'static> {
    pub(crate) const POSTGRES: Self = Self {
        process: "postgres",
        incarnation: 1,
    };
    pub(crate) const QUEUE: Self = Self {
        process: "queue",
        incarnation: 1,
    };
}

impl<'a> From<&'a Incarnation> for Victim<'a> {
    fn from(incarnation: &'a Incarnation) -> Self {
        Self {
            process: &incarnation.process,
            incarnation: incarnation.number,
        }
    }
}

impl Faults {
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        Ok(Self {
            journal: Journal::create(&folder.join("faults.jsonl"))?,
            counts: Mutex::default(),
        })
    }

    /// Writes down a fault, or what follows from one.
    pub(crate) fn record<'a>(
        &self,
        fault: &str,
        victim: impl Into<Victim<'a>>,
        detail: impl Into<Value>,
    ) -> Result<()> {
        let victim = victim.into();
        let mut line = json!({
            "fault": fault, "process": victim.process, "incarnation": victim.incarnation, "detail": null,
        });
        match detail.into() {
            // What ends a process is told beside the rest.
            Value::Object(fields) if fault == "exit" => {
                for (name, value) in fields {
                    line[name] = value;
                }
            }
            detail => line["detail"] = detail,
        }
        self.journal.write(line)?;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(fault.to_owned()).or_default() += 1;
        Ok(())
    }

    /// How often something of this name was written down.
    pub(crate) fn count(&self, fault: &str) -> u32 {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(fault).copied().unwrap_or_default()
    }

    /// How much was done to the system, as opposed to what followed.
    pub(crate) fn done(&self) -> u32 {
        ["kill", "stop", "term", "failpoint", "postgres_stop", "queue_down"]
            .iter()
            .map(|fault| self.count(fault))
            .sum()
    }
}
