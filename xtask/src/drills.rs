//! `cargo xtask drills`: whether the scripts in `drills/` are sound. Their shell is linted; dry, they call nothing, and every
//! call of AWS that they would make is one that AWS's command line takes; production is refused. Those that need nothing of
//! AWS but SQS are run for real, against an api and a worker that run on the local SQS server.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};

use anyhow::{Context, Result, bail};

use crate::contract::site::Site;
use crate::counts::Counts;
use crate::interrupt::Interrupts;
use crate::python::Environment;
use crate::services::Services;

const FOLDER: &str = "drills";
/// What the drills read, and nobody runs.
const SHARED: &str = "drill.sh";
const TOOLS: Environment = Environment {
    name: "drills_venv",
    requirements: "tools/drills/requirements.txt",
};
/// The programs that drills call, none of which may be called while they are dry.
const CALLED: [&str; 4] = ["aws", "tandem", "curl", "jq"];
/// Those that can be run here, with their options.
const LIVE: [(&str, &[&str]); 2] = [
    ("rotate-a-key.sh", &[]),
    ("purge-a-queue.sh", &["--jobs", "20", "--lane", LANE]),
];
/// The environment that the local services are, and its lane.
const NAME: &str = "tandem-drill";
const LANE: &str = "default";
/// In older regions AWS's command line knows an address of SQS that it prefers to the local server's.
const REGION: &str = "eu-south-2";

/// Runs everything, with services of its own.
///
/// # Errors
///
/// When a tool can't be installed, or the product does not start.
pub fn run(root: &Path, interrupts: &Interrupts) -> Result<ExitCode> {
    let services = Services::start(root, interrupts)?;
    let mut counts = Counts::default();
    let checked = check(root, interrupts, &services, &mut counts);
    services.stop()?;
    checked?;
    println!("{counts}");
    Ok(if counts.is_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Counts each look at each drill as a test.
///
/// # Errors
///
/// When something keeps them from running.
pub fn check(root: &Path, interrupts: &Interrupts, services: &Services, counts: &mut Counts) -> Result<()> {
    let drills = Drills::find(root, interrupts)?;
    drills.look(counts)?;
    drills.run_for_real(interrupts, services, counts)
}

struct Drills<'a> {
    root: &'a Path,
    /// The interpreter whose environment has AWS's command line and shellcheck.
    python: PathBuf,
    /// The drills' names.
    names: Vec<String>,
    /// A folder with programs in it that leave a trace when they are called.
    traps: PathBuf,
}

impl<'a> Drills<'a> {
    fn find(root: &'a Path, interrupts: &Interrupts) -> Result<Self> {
        let entries = fs::read_dir(root.join(FOLDER)).with_context(|| format!("could not read {FOLDER}"))?;
        let mut names = Vec::new();
        for entry in entries {
            let name = entry
                .with_context(|| format!("could not read {FOLDER}"))?
                .file_name();
            names.extend(
                name.to_str()
                    .filter(|it| it.ends_with(".sh") && *it != SHARED)
                    .map(str::to_owned),
            );
        }
        names.sort();
        if names.is_empty() {
            bail!("there are no drills in {FOLDER}");
        }
        let traps = root.join(format!(".testenv/drills/{}", std::process::id()));
        Ok(Self {
            root,
            python: TOOLS.ensure(root, interrupts)?,
            names,
            traps,
        })
    }

    fn look(&self, counts: &mut Counts) -> Result<()> {
        self.set_traps()?;
        let lint = self.lint()?;
        self.tell(counts, "lint", &lint);
        let mut calls = Vec::new();
        for name in &self.names {
            let (complaints, more) = self.dry(name)?;
            calls.extend(more);
            self.tell(counts, &format!("{name} dry"), &complaints);
            let refused = self.refuses_production(name)?;
            self.tell(counts, &format!("{name} production"), &refused);
        }
        calls.sort();
        calls.dedup();
        let refused = self.check_calls(&calls)?;
        println!("drills: {} different calls of AWS", calls.len());
        self.tell(counts, "calls", &refused);
        fs::remove_dir_all(&self.traps).with_context(|| format!("could not remove {}", self.traps.display()))
    }

    fn tell(&self, counts: &mut Counts, what: &str, complaints: &[String]) {
        for complaint in complaints {
            println!("drills {what}: {complaint}");
        }
        counts.add_look(&format!("drills {what}"), complaints);
    }

    fn set_traps(&self) -> Result<()> {
        fs::create_dir_all(&self.traps)
            .with_context(|| format!("could not create {}", self.traps.display()))?;
        for program in CALLED {
            let trap = self.traps.join(program);
            let script = format!(
                "#!/bin/sh\necho {program} \"$@\" >> '{}'\nexit 97\n",
                self.trace().display()
            );
            fs::write(&trap, script)
                .and_then(|()| fs::set_permissions(&trap, fs::Permissions::from_mode(0o755)))
                .with_context(|| format!("could not write {}", trap.display()))?;
        }
        Ok(())
    }

    fn trace(&self) -> PathBuf {
        self.traps.join("called.txt")
    }

    fn lint(&self) -> Result<Vec<String>> {
        let mut command = Command::new(self.python.with_file_name("shellcheck"));
        command
            .current_dir(self.root)
            .args(["--external-sources", "--severity=style"]);
        command.args(
            self.names
                .iter()
                .map(String::as_str)
                .chain([SHARED])
                .map(|name| format!("{FOLDER}/{name}")),
        );
        let output = command.output().context("could not run shellcheck")?;
        Ok(if output.status.success() {
            Vec::new()
        } else {
            vec![said(&output)]
        })
    }

    /// A drill, with the traps in front of everything else that could be called, and nothing of the machine's settings.
    fn trapped(&self, name: &str, options: &[&str]) -> Result<Output> {
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.traps.display());
        let mut command = Command::new("bash");
        command.current_dir(self.root).env_clear().env("PATH", path);
        command.arg(format!("{FOLDER}/{name}")).args(options);
        command.output().with_context(|| format!("could not run {name}"))
    }

    /// What is wrong with a dry run, and the calls of AWS that it prints.
    fn dry(&self, name: &str) -> Result<(Vec<String>, Vec<String>)> {
        let output = self.trapped(name, &["--name", "tandem-prod", "--dry-run"])?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut complaints = Vec::new();
        if !output.status.success() {
            complaints.push(format!("ended with {}: {}", output.status, said(&output)));
        }
        if !printed.lines().any(|line| line.starts_with("# expected: ")) {
            complaints.push("does not say what to expect".to_owned());
        }
        if let Ok(called) = fs::read_to_string(self.trace()) {
            complaints.push(format!("called, although dry: {}", called.trim()));
        }
        Ok((complaints, calls(&printed)))
    }

    fn refuses_production(&self, name: &str) -> Result<Vec<String>> {
        let output = self.trapped(name, &["--name", "tandem-prod", "--run"])?;
        let is_refused =
            output.status.code() == Some(2) && said(&output).contains("tandem-prod is production");
        Ok(if is_refused && !self.trace().exists() {
            Vec::new()
        } else {
            vec![format!(
                "is not refused, but ended with {}: {}",
                output.status,
                said(&output)
            )]
        })
    }

    fn check_calls(&self, calls: &[String]) -> Result<Vec<String>> {
        let mut child = Command::new(&self.python)
            .arg(self.root.join("tools/drills/check_calls.py"))
            .env("AWS_DEFAULT_REGION", "eu-west-1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("could not run Python")?;
        let mut input = child.stdin.take().context("Python has no input")?;
        input
            .write_all(calls.join("\n").as_bytes())
            .context("Python does not read")?;
        drop(input);
        let output = child.wait_with_output().context("could not wait for Python")?;
        Ok(if output.status.success() {
            Vec::new()
        } else {
            vec![said(&output)]
        })
    }

    fn run_for_real(&self, interrupts: &Interrupts, services: &Services, counts: &mut Counts) -> Result<()> {
        let endpoint = services.sqs_endpoint();
        let account = [
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ];
        let tools = self.python.parent().context("Python is in a folder")?;
        let created = Command::new(self.python.with_file_name("aws"))
            .args(["sqs", "create-queue", "--queue-name", &format!("{NAME}-{LANE}")])
            .args(["--query", "QueueUrl", "--output", "text"])
            .envs(account.clone())
            .output()
            .context("could not run aws")?;
        if !created.status.success() {
            bail!("no queue could be made: {}", said(&created));
        }
        let mut settings = account.to_vec();
        settings.push(("TANDEM_QUEUE", "sqs".to_owned()));
        settings.push(("TANDEM_QUEUES", LANE.to_owned()));
        settings.push(("TANDEM_SQS_QUEUE_URLS", format!("{LANE}={}", said(&created))));
        let mut site = Site::start_with(self.root, interrupts, services.postgres(), "drills", &settings)?;
        let programs = site.program.parent().context("tandem is in a folder")?;
        let path = format!(
            "{}:{}:/usr/local/bin:/usr/bin:/bin",
            tools.display(),
            programs.display()
        );
        for (name, options) in LIVE {
            let mut command = Command::new("bash");
            command
                .current_dir(self.root)
                .arg(format!("{FOLDER}/{name}"))
                .args(["--name", NAME, "--run"])
                .args(options)
                .envs(account.clone())
                .env("PATH", &path)
                .env("TANDEM_URL", site.url())
                // What comes in which order is looked at here; how soon, where nothing else runs.
                .env("DRILL_PATIENCE", "12")
                .env("TANDEM_API_KEY", &site.key);
            let output = command
                .output()
                .with_context(|| format!("could not run {name}"))?;
            interrupts.check()?;
            let printed = said(&output);
            for line in printed
                .lines()
                .filter(|line| line.starts_with("# measured") || line.starts_with("# MISSED"))
            {
                println!("drills {name}: {}", line.trim_start_matches("# "));
            }
            let complaint =
                (!output.status.success()).then(|| format!("ended with {}: {printed}", output.status));
            self.tell(counts, &format!("{name} for real"), complaint.as_slice());
        }
        site.check()
    }
}

/// The calls of AWS among the commands that a drill prints.
fn calls(printed: &str) -> Vec<String> {
    let commands = printed.lines().filter_map(|line| line.strip_prefix("+ "));
    commands
        .filter(|it| it.starts_with("aws "))
        .map(str::to_owned)
        .collect()
}

fn said(output: &Output) -> String {
    let text = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it).trim().to_owned());
    text.join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A drill that nobody should write.
    fn looks_at(script: &str) -> (Vec<String>, Vec<String>) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join(FOLDER)).unwrap();
        fs::write(root.path().join(FOLDER).join("bad.sh"), script).unwrap();
        let drills = Drills {
            root: root.path(),
            python: PathBuf::new(),
            names: vec!["bad.sh".to_owned()],
            traps: root.path().join("traps"),
        };
        drills.set_traps().unwrap();
        let (complaints, _) = drills.dry("bad.sh").unwrap();
        (complaints, drills.refuses_production("bad.sh").unwrap())
    }

    #[test]
    fn a_drill_that_acts_while_it_is_dry_is_found() {
        let (complaints, refused) = looks_at("aws ecs stop-task --task a || true\n");
        assert_eq!(
            complaints,
            [
                "does not say what to expect",
                "called, although dry: aws ecs stop-task --task a"
            ]
        );
        assert_eq!(refused.len(), 1, "{refused:?}");
    }

    #[test]
    fn a_drill_that_fails_while_it_is_dry_or_does_not_care_about_production_is_found() {
        let (complaints, refused) = looks_at("echo '# expected: nothing'\nexit 3\n");
        assert_eq!(complaints, ["ended with exit status: 3: # expected: nothing"]);
        assert_eq!(refused.len(), 1, "{refused:?}");
    }

    #[test]
    fn calls_of_aws_are_found_among_what_is_printed() {
        let printed =
            "# expected: much\n+ aws ecs stop-task --task '<task>'\n+ tandem keys list\naws s3 ls\n";
        assert_eq!(calls(printed), ["aws ecs stop-task --task '<task>'"]);
    }
}
