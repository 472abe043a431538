//! `tandem queues …`: the lanes.

use reqwest::Url;
use serde_json::{Value, json};

use crate::args::{QueuesArgs, QueuesCommand};
use crate::client::Client;
use crate::failure::{ExitStatus, Failure};
use crate::output;

pub(crate) async fn run(args: QueuesArgs) -> Result<ExitStatus, Failure> {
    let json = args.api.json;
    let client = Client::new(&args.api)?;
    let queues = match args.command {
        QueuesCommand::List => {
            let mut answer = client.get("/api/queues", &[]).await?;
            serde_json::from_value(answer["queues"].take()).unwrap_or_default()
        }
        QueuesCommand::Pause {
            name,
            reason,
            everyone,
        } => {
            let mut body = json!({ "everyone": everyone });
            if let Some(reason) = reason {
                body["reason"] = reason.into();
            }
            vec![client.post_json(&path(&name, "pause"), &body).await?]
        }
        QueuesCommand::Resume { name, everyone } => {
            let body = json!({ "everyone": everyone });
            vec![client.post_json(&path(&name, "resume"), &body).await?]
        }
    };
    if json {
        output::json(&queues);
    } else {
        print_table(&queues);
    }
    Ok(ExitStatus::Done)
}

/// What stands in the name must not lead anywhere else.
fn path(name: &str, verb: &str) -> String {
    let mut url = Url::parse("http://api/api/queues").expect("it is a URL");
    url.path_segments_mut()
        .expect("it has a path")
        .push(name)
        .push(verb);
    url.path().to_owned()
}

fn print_table(queues: &[Value]) {
    let header = [
        "name",
        "queued",
        "running",
        "scheduled",
        "dead",
        "oldest",
        "started/s",
        "failed/s",
        "paused",
    ];
    let row = |queue: &Value| {
        let (depth, rates) = (&queue["depth"], &queue["rates"]);
        // A number at which counting stopped is the least there are.
        let more = |count: &Value| {
            let capped = depth["capped"] == true && count.as_u64() >= Some(10_000);
            format!("{}{}", output::plain(count), if capped { "+" } else { "" })
        };
        let oldest = queue["oldest_queued_secs"].as_f64();
        let per_second = |rate: &Value| format!("{:.1}", rate.as_f64().unwrap_or_default());
        vec![
            output::plain(&queue["name"]),
            more(&depth["queued"]),
            more(&depth["running"]),
            more(&depth["scheduled"]),
            more(&depth["dead_letters"]),
            oldest.map_or_else(String::new, |secs| format!("{secs:.0}s")),
            per_second(&rates["started_per_second"]),
            per_second(&rates["failed_per_second"]),
            pauses(&queue["pauses"]),
        ]
    };
    output::table(&header, queues.iter().map(row).collect());
}

fn pauses(pauses: &Value) -> String {
    let told = |pause: &Value| {
        let (by, since) = (output::plain(&pause["by"]), output::plain(&pause["since"]));
        match pause["reason"].as_str() {
            Some(reason) => format!("by {by} since {since}: {reason}"),
            None => format!("by {by} since {since}"),
        }
    };
    let pauses = pauses.as_array().into_iter().flatten();
    pauses.map(told).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_part_of_the_path() {
        assert_eq!(path("default", "pause"), "/api/queues/default/pause");
        assert_eq!(
            path("../keys?x#y", "resume"),
            "/api/queues/..%2Fkeys%3Fx%23y/resume"
        );
    }
}
