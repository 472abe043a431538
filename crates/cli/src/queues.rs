//! `tandem queues …`: the lanes.

use client::{PauseQueue, Queue, QueuePause};

use crate::access;
use crate::args::{QueuesArgs, QueuesCommand};
use crate::failure::{ExitStatus, Failure};
use crate::output;

/// Where the api stops counting.
const COUNTED: u64 = 10_000;

pub(crate) async fn run(args: QueuesArgs) -> Result<ExitStatus, Failure> {
    let json = args.api.json;
    let client = access::connect(&args.api)?;
    let changed = match args.command {
        QueuesCommand::List => {
            access::show(client.queues(), json, print_table).await?;
            return Ok(ExitStatus::Done);
        }
        QueuesCommand::Pause {
            name,
            reason,
            everyone,
        } => client.pause_queue(&name, &PauseQueue { reason, everyone }),
        QueuesCommand::Resume { name, everyone } => client.resume_queue(&name, everyone),
    };
    if json {
        // A list, as `list` prints it.
        output::json(&[changed.verbatim().await?]);
    } else {
        print_table(vec![changed.await?]);
    }
    Ok(ExitStatus::Done)
}

fn print_table(queues: Vec<Queue>) {
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
    let rows = queues.into_iter().map(|queue| {
        let (depth, rates) = (queue.depth, queue.rates);
        // A number at which counting stopped is the least there are.
        let more = |count: u64| {
            let capped = depth.capped && count >= COUNTED;
            format!("{count}{}", if capped { "+" } else { "" })
        };
        let oldest = queue.oldest_queued_secs.map(|secs| format!("{secs:.0}s"));
        [
            queue.name,
            more(depth.queued),
            more(depth.running),
            more(depth.scheduled),
            more(depth.dead_letters),
            output::optional(oldest),
            format!("{:.1}", rates.started_per_second),
            format!("{:.1}", rates.failed_per_second),
            queue.pauses.iter().map(told).collect::<Vec<_>>().join("; "),
        ]
    });
    output::table(header, rows);
}

fn told(pause: &QueuePause) -> String {
    let (by, since) = (&pause.by, output::time(pause.since));
    match &pause.reason {
        Some(reason) => format!("by {by} since {since}: {reason}"),
        None => format!("by {by} since {since}"),
    }
}
