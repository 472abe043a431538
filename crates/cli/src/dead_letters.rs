//! `tandem dead-letters …`: what failed for good, why, and what becomes of it.

mod decision;
mod selection;

use serde_json::Value;

use crate::args::{DeadLettersArgs, DeadLettersCommand, FilterArgs};
use crate::client::Client;
use crate::failure::{ExitStatus, Failure};
use crate::output;
use crate::output::plain;

use decision::Verb;

/// How much of a message a table shows.
const MESSAGE_CHARS: usize = 80;

pub(crate) async fn run(args: DeadLettersArgs) -> Result<ExitStatus, Failure> {
    let json = args.api.json;
    let client = Client::new(&args.api)?;
    match args.command {
        DeadLettersCommand::List { filter, limit } => {
            let query = query(&filter);
            let letters = client
                .list("/api/dead-letters", "dead_letters", &query, limit)
                .await?;
            print_letters(&letters, json);
        }
        DeadLettersCommand::Groups { filter, limit } => {
            let mut query = query(&filter);
            query.push(("limit", limit.to_string()));
            let answer = client.get("/api/dead-letters/groups", &query).await?;
            print_groups(answer["groups"].as_array().map_or(&[], Vec::as_slice), json);
        }
        DeadLettersCommand::Retry { selection, rate } => {
            decision::run(&client, Verb::Retry { rate }, selection, json).await?;
        }
        DeadLettersCommand::Discard(selection) => {
            decision::run(&client, Verb::Discard, selection, json).await?;
        }
    }
    Ok(ExitStatus::Done)
}

fn query(filter: &FilterArgs) -> Vec<(&'static str, String)> {
    let fields = selection::fields(filter);
    fields
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

fn print_letters(letters: &[Value], json: bool) {
    if json {
        output::json(&letters);
        return;
    }
    let columns = [
        "job_id",
        "kind",
        "queue",
        "failed_at",
        "attempt",
        "error_code",
        "fingerprint",
        "message",
    ];
    let row = |letter: &Value| {
        let (error, mut row) = (&letter["error"], Vec::new());
        row.extend(columns[..5].iter().map(|name| plain(&letter[*name])));
        row.extend([
            plain(&error["code"]),
            plain(&letter["fingerprint"]),
            short(&error["message"]),
        ]);
        row
    };
    output::table(&columns, letters.iter().map(row).collect());
}

fn print_groups(groups: &[Value], json: bool) {
    if json {
        output::json(&groups);
        return;
    }
    let columns = [
        "count",
        "kind",
        "error_code",
        "fingerprint",
        "last_failed_at",
        "example",
    ];
    let row = |group: &Value| {
        let mut row: Vec<String> = columns[..5].iter().map(|name| plain(&group[*name])).collect();
        row.push(short(&group["example"]["message"]));
        row
    };
    output::table(&columns, groups.iter().map(row).collect());
}

/// The beginning of a message; a message may have many lines.
fn short(message: &Value) -> String {
    let text = message.as_str().unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let mut short: String = line.chars().take(MESSAGE_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_the_beginning_of_a_message() {
        assert_eq!(short(&"it broke".into()), "it broke");
        assert_eq!(short(&"it broke\n at line 3".into()), "it broke…");
        assert_eq!(short(&"é".repeat(81).into()), format!("{}…", "é".repeat(80)));
        assert_eq!(short(&Value::Null), "");
    }
}
