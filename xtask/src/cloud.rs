//! Calls of AWS, answered by an emulator on this machine. botocore makes them, so they are what AWS' own clients send.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::emulator::{Emulator, Kind};

/// Where calls go, and as whom in which region.
#[derive(Clone, Debug)]
pub struct Cloud {
    program: PathBuf,
    python: PathBuf,
    emulator: Kind,
    endpoint: String,
    region: String,
}

/// One call: service and operation as botocore has them, such as `sqs` and `list_queues`, and its parameters.
#[derive(Clone, Debug)]
pub struct Call {
    service: &'static str,
    operation: &'static str,
    parameters: Value,
}

impl Call {
    /// A call with these parameters.
    pub fn new(service: &'static str, operation: &'static str, parameters: Value) -> Self {
        Self {
            service,
            operation,
            parameters,
        }
    }
}

impl Cloud {
    /// The emulator as it is seen in a region.
    pub fn new(root: &Path, python: &Path, emulator: &Emulator, region: &str) -> Self {
        Self {
            program: root.join("tools/aws_calls.py"),
            python: python.to_owned(),
            emulator: emulator.kind(),
            endpoint: emulator.endpoint(),
            region: region.to_owned(),
        }
    }

    /// The same emulator in another region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        Self {
            region: region.to_owned(),
            ..self.clone()
        }
    }

    /// Which emulator answers.
    pub fn emulator(&self) -> Kind {
        self.emulator
    }

    /// Where the emulator answers.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What a program must know to call the emulator by AWS' SDK.
    pub fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_REGION", self.region.clone()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ]
    }

    /// Makes one call.
    ///
    /// # Errors
    ///
    /// When it is refused or can't be made.
    pub fn call(&self, service: &'static str, operation: &'static str, parameters: Value) -> Result<Value> {
        let mut answers = self.calls(&[Call::new(service, operation, parameters)])?;
        answers.pop().context("a call has no answer")?
    }

    /// Makes calls one after the other, and gives the answer of each.
    ///
    /// # Errors
    ///
    /// When they can't be made. That one is refused is its answer.
    pub fn calls(&self, calls: &[Call]) -> Result<Vec<Result<Value>>> {
        let mut child = Command::new(&self.python)
            .arg(&self.program)
            .envs(self.variables())
            .env("AWS_DEFAULT_REGION", &self.region)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("could not run Python")?;
        let lines: String = calls
            .iter()
            .map(|call| json!([call.service, call.operation, call.parameters]).to_string() + "\n")
            .collect();
        let mut input = child.stdin.take().context("Python takes no input")?;
        let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
        let output = child.wait_with_output().context("could not wait for Python")?;
        // When it ended early, what is said below says it better.
        drop(writer.join());
        let text = String::from_utf8_lossy(&output.stdout);
        let answers: Vec<Result<Value>> = text
            .lines()
            .zip(calls)
            .map(|(line, call)| answer(call, line))
            .collect();
        if !output.status.success() || answers.len() != calls.len() {
            bail!("calls of AWS got {} of {} answers", answers.len(), calls.len());
        }
        Ok(answers)
    }
}

fn answer(call: &Call, line: &str) -> Result<Value> {
    let mut answer: Value = serde_json::from_str(line).context("an answer is no JSON")?;
    match answer.get_mut("ok") {
        Some(ok) => Ok(ok.take()),
        None => Err(anyhow!(
            "{} {}: {}",
            call.service,
            call.operation,
            answer["error"].as_str().unwrap_or(line)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_call() {
        let call = Call::new("sqs", "list_queues", json!({}));
        assert_eq!(
            answer(&call, r#"{"ok": {"QueueUrls": []}}"#).unwrap(),
            json!({"QueueUrls": []})
        );
        let refused = answer(&call, r#"{"error": "no"}"#).unwrap_err();
        assert_eq!(refused.to_string(), "sqs list_queues: no");
        answer(&call, "garbage").unwrap_err();
    }
}
