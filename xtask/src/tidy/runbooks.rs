//! Whoever is called by an alarm finds a page that says what to do.

use std::collections::BTreeSet;
use std::path::Path;

use super::files::Files;

const FOLDER: &str = "docs/runbooks";
const INDEX: &str = "README";
/// What calls somebody.
const ALARMS: &[&str] = &[
    "aws_cloudwatch_composite_alarm",
    "aws_cloudwatch_event_rule",
    "aws_cloudwatch_metric_alarm",
];
/// What a description has before the name of its page.
const BASE: &str = "Runbook: ${var.runbook_base}/";

/// Finds alarms that name no runbook, and runbooks that do not exist or that the index does not list.
pub fn check(files: &Files) -> Vec<String> {
    let pages: BTreeSet<&str> = files.iter().filter_map(|(path, _)| page(path)).collect();
    let mut complaints = Vec::new();
    for (path, text) in files.with_extension("tf") {
        let path = path.display();
        let unexplained = alarms(text).filter(|(_, block)| !block.contains(BASE) && !only_scales(block));
        complaints.extend(unexplained.map(|(name, _)| format!("{path}: the alarm {name} names no runbook")));
        let named = named(text);
        let missing = named.difference(&pages);
        complaints
            .extend(missing.map(|name| format!("{path} names {FOLDER}/{name}.md, which does not exist")));
    }
    let index = files
        .iter()
        .find(|(path, _)| page(path) == Some(INDEX))
        .map_or("", |(_, text)| text);
    let unlisted = pages
        .iter()
        .filter(|name| **name != INDEX && !index.contains(&format!("]({name}.md)")));
    complaints.extend(unlisted.map(|name| format!("{FOLDER}/{INDEX}.md does not list {name}.md")));
    complaints
}

/// The name of a page in the folder, without its extension.
fn page(path: &Path) -> Option<&str> {
    path.strip_prefix(FOLDER).ok()?.to_str()?.strip_suffix(".md")
}

/// The resources that are alarms, each with its name and its text.
fn alarms(terraform: &str) -> impl Iterator<Item = (&str, &str)> {
    // In formatted Terraform a resource begins and ends at the beginning of a line.
    terraform.split("\nresource \"").filter_map(|rest| {
        let rest = rest.strip_prefix("resource \"").unwrap_or(rest);
        let (kind, rest) = rest.split_once("\" \"")?;
        let (name, rest) = rest.split_once('"')?;
        let block = rest.split("\n}").next()?;
        ALARMS.contains(&kind).then_some((name, block))
    })
}

/// Whether an alarm is there to start tasks, and calls nobody.
fn only_scales(alarm: &str) -> bool {
    alarm
        .lines()
        .filter_map(|line| assigned(line.trim(), "alarm_actions"))
        .any(|actions| actions.starts_with("[aws_appautoscaling_policy."))
}

/// The runbooks that a file names: in a description, or as `runbook = "name"` where the descriptions of many alarms
/// are put together.
fn named(terraform: &str) -> BTreeSet<&str> {
    let in_descriptions = terraform
        .split(BASE)
        .skip(1)
        .filter_map(|rest| rest.split_once(".md").map(|(name, _)| name))
        .filter(|name| !name.starts_with("${"));
    let in_lists = terraform
        .lines()
        .flat_map(|line| line.split(','))
        .filter_map(|entry| {
            assigned(entry.trim(), "runbook")?
                .strip_prefix('"')?
                .strip_suffix('"')
        });
    in_descriptions.chain(in_lists).collect()
}

/// What `entry` gives to the attribute, if it is about that one.
fn assigned<'a>(entry: &'a str, attribute: &str) -> Option<&'a str> {
    let (name, value) = entry.split_once('=')?;
    (name.trim() == attribute).then(|| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX_OF_BOTH: &str = "[a](slow.md) [b](gone-wrong.md)";

    fn complaints(terraform: &str, index: &str) -> Vec<String> {
        check(&Files::from([
            ("terraform/modules/m/alarms.tf", terraform),
            ("docs/runbooks/README.md", index),
            ("docs/runbooks/slow.md", "text"),
            ("docs/runbooks/gone-wrong.md", "text"),
        ]))
    }

    #[test]
    fn runbooks_are_named_in_descriptions_and_in_lists() {
        let terraform = "locals {\n  alarms = {\n    a = {\n      minutes = 3, runbook = \"slow\", urgency = \"page\"\n\
                         \x20     runbook   = \"nowhere\"\n    }\n  }\n}\n\n\
                         resource \"aws_cloudwatch_metric_alarm\" \"this\" {\n  \
                         alarm_description = \"Bad. Runbook: ${var.runbook_base}/${each.value.runbook}.md\"\n}\n\n\
                         resource \"aws_cloudwatch_event_rule\" \"failed\" {\n  \
                         description = \"Runbook: ${var.runbook_base}/lost.md\"\n}\n";
        let missing = |name| {
            format!("terraform/modules/m/alarms.tf names docs/runbooks/{name}.md, which does not exist")
        };
        assert_eq!(
            complaints(terraform, INDEX_OF_BOTH),
            [missing("lost"), missing("nowhere")]
        );
    }

    #[test]
    fn every_alarm_that_calls_somebody_names_one() {
        let silent = "resource \"aws_cloudwatch_metric_alarm\" \"first\" {\n  alarm_actions = [aws_sns_topic.this.arn]\n}\n\n\
                      resource \"aws_cloudwatch_composite_alarm\" \"second\" {\n}\n\n\
                      resource \"aws_cloudwatch_metric_alarm\" \"scales\" {\n  \
                      alarm_actions   = [aws_appautoscaling_policy.age[0].arn]\n}\n\n\
                      resource \"aws_sns_topic\" \"this\" {\n}\n";
        let unexplained = |name| format!("terraform/modules/m/alarms.tf: the alarm {name} names no runbook");
        assert_eq!(
            complaints(silent, INDEX_OF_BOTH),
            [unexplained("first"), unexplained("second")]
        );
    }

    #[test]
    fn the_index_lists_every_page() {
        assert_eq!(complaints("", INDEX_OF_BOTH), [""; 0]);
        assert_eq!(
            complaints("", "[a](slow.md) gone-wrong.md"),
            ["docs/runbooks/README.md does not list gone-wrong.md"]
        );
    }
}
