//! From the files of a run to its history.

mod clients;
mod database;
mod faults;
mod lines;
mod link;
mod receiver;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clients::Clients;
use database::Database;
use lines::Lines;
use receiver::Receiver;

use crate::by_job::ByJob;
use crate::history::{History, Run};

/// Why a folder does not hold the history of a run.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file can't be read; one that is missing was not written because the run broke off.
    #[error("could not read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `run.json` does not say which run it was.
    #[error("{} does not describe a run", path.display())]
    Run {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

impl History {
    /// Reads the files of a run. Lines that can't be read are part of the history: [`crate::check`] reports them.
    ///
    /// # Errors
    /// When a file is missing or `run.json` is none.
    pub fn read(folder: &Path) -> Result<Self, ReadError> {
        let run = run(folder)?;
        let mut lines = Lines::new(folder);
        let (mut clients, mut receiver, mut database) =
            (Clients::default(), Receiver::default(), Database::default());
        let (mut faults, mut processes) = (Vec::new(), Vec::new());
        lines.read("clients.jsonl", |line| clients.take(line))?;
        lines.read("receiver.jsonl", |line| receiver.take(line))?;
        lines.read("faults.jsonl", |line| {
            faults.push(faults::parse(line)?);
            Ok(())
        })?;
        lines.read("processes.jsonl", |line| {
            processes.push(lines::parse(line)?);
            Ok(())
        })?;
        lines.read("database.jsonl", |line| database.take(line))?;
        faults.sort_by_key(|fault| fault.at);
        let mut history = Self {
            run,
            submits: clients.submits,
            requests: clients.requests,
            exchanges: clients.exchanges,
            deliveries: ByJob::new(receiver.deliveries),
            strange_ids: receiver.strange_ids,
            faults,
            processes,
            jobs: ByJob::new(database.jobs),
            attempts: ByJob::new(database.attempts),
            events: ByJob::new(database.events),
            tokens: ByJob::new(database.tokens),
            claims: ByJob::new(database.claims),
            bindings: database.bindings,
            hosts: database.hosts,
            tenants: database.tenants,
            flaws: lines.flaws,
            truncated: lines.truncated,
        };
        link::jobs_to_submits(&mut history);
        Ok(history)
    }
}

fn run(folder: &Path) -> Result<Run, ReadError> {
    let path = folder.join("run.json");
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| ReadError::Run { path, source }),
        Err(source) => Err(ReadError::Io { path, source }),
    }
}
