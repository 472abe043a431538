//! `tandem dead-letters …`: what failed for good, why, and what becomes of it.

mod decision;
mod selection;

use client::{DeadLetter, DeadLetterGroup};

use crate::access;
use crate::args::{DeadLettersArgs, DeadLettersCommand};
use crate::failure::{ExitStatus, Failure};
use crate::output;

use decision::Verb;

/// How much of a message a table shows.
const MESSAGE_CHARS: usize = 80;

pub(crate) async fn run(args: DeadLettersArgs) -> Result<ExitStatus, Failure> {
    let json = args.api.json;
    let client = access::connect(&args.api)?;
    match args.command {
        DeadLettersCommand::List { filter, limit } => {
            let letters = client.dead_letters(&filter.into()).limit(limit);
            access::show_list(letters, json, print_letters).await?;
        }
        DeadLettersCommand::Groups { filter, limit } => {
            let groups = client.dead_letter_groups(&filter.into(), limit.into());
            access::show(groups, json, print_groups).await?;
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

fn print_letters(letters: Vec<DeadLetter>) {
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
    let rows = letters.into_iter().map(|letter| {
        [
            letter.job_id.to_string(),
            letter.kind,
            letter.queue,
            output::time(letter.failed_at),
            letter.attempt.to_string(),
            letter.error.code.to_string(),
            letter.fingerprint,
            short(&letter.error.message),
        ]
    });
    output::table(columns, rows);
}

fn print_groups(groups: Vec<DeadLetterGroup>) {
    let columns = [
        "count",
        "kind",
        "error_code",
        "fingerprint",
        "last_failed_at",
        "example",
    ];
    let rows = groups.into_iter().map(|group| {
        [
            group.count.to_string(),
            group.kind,
            group.error_code.to_string(),
            group.fingerprint,
            output::time(group.last_failed_at),
            short(&group.example.message),
        ]
    });
    output::table(columns, rows);
}

/// The beginning of a message; a message may have many lines.
fn short(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let mut short: String = line.chars().take(MESSAGE_CHARS).collect();
    if short.len() < message.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_the_beginning_of_a_message() {
        assert_eq!(short("it broke"), "it broke");
        assert_eq!(short("it broke\n at line 3"), "it broke…");
        assert_eq!(short(&"é".repeat(81)), format!("{}…", "é".repeat(80)));
        assert_eq!(short(""), "");
    }
}
