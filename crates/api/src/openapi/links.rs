//! What can be done next with what an answer names, for programs that follow a description: its links.

use utoipa::openapi::link::LinkBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{OpenApi, RefOr};

/// Answers that name something, and what takes that name.
struct Chain {
    /// The operations that answer so.
    from: &'static [&'static str],
    /// Where the name is, as a runtime expression.
    name: &'static str,
    /// The parameter that takes it.
    parameter: &'static str,
    /// The operations that have this parameter.
    to: &'static [&'static str],
}

const OF_A_JOB: &[&str] = &[
    "get_job",
    "list_attempts",
    "list_events",
    "explain_job",
    "cancel_job",
    "retry_job",
];

const OF_A_SCHEDULE: &[&str] = &[
    "get_schedule",
    "preview_schedule",
    "fire_schedule",
    "pause_schedule",
    "resume_schedule",
    "delete_schedule",
];

const OF_AN_ENDPOINT: &[&str] = &[
    "get_endpoint",
    "list_endpoint_secrets",
    "rotate_endpoint_secret",
    "delete_endpoint",
];

const CHAINS: &[Chain] = &[
    Chain {
        from: &["submit_job", "fire_schedule", "cancel_job", "retry_job"],
        name: "$response.body#/id",
        parameter: "id",
        to: OF_A_JOB,
    },
    Chain {
        from: &["submit_batch"],
        name: "$response.body#/jobs/0/id",
        parameter: "id",
        to: OF_A_JOB,
    },
    Chain {
        from: &["create_user"],
        name: "$response.body#/id",
        parameter: "id",
        to: &["get_user"],
    },
    Chain {
        from: &["create_key", "rotate_key"],
        name: "$response.body#/key/id",
        parameter: "id",
        to: &["get_key", "rotate_key", "revoke_key"],
    },
    Chain {
        from: &["create_tenant"],
        name: "$response.body#/tenant/id",
        parameter: "id",
        to: &["get_tenant", "update_tenant"],
    },
    Chain {
        from: &["put_schedule", "pause_schedule", "resume_schedule"],
        name: "$response.body#/name",
        parameter: "name",
        to: OF_A_SCHEDULE,
    },
    Chain {
        from: &["put_endpoint"],
        name: "$request.path.name",
        parameter: "name",
        to: OF_AN_ENDPOINT,
    },
    Chain {
        from: &["pause_queue"],
        name: "$request.path.name",
        parameter: "name",
        to: &["get_queue", "resume_queue"],
    },
];

/// Adds the links to every good answer.
pub(super) fn add(openapi: &mut OpenApi) {
    for item in openapi.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.patch,
        ];
        for operation in operations.into_iter().flatten() {
            let id = operation.operation_id.clone().unwrap_or_default();
            for chain in CHAINS.iter().filter(|chain| chain.from.contains(&id.as_str())) {
                follow(operation, &id, chain);
            }
        }
    }
}

/// What has just been asked is not what to ask next.
fn follow(operation: &mut Operation, id: &str, chain: &Chain) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if !status.starts_with('2') {
            continue;
        }
        for to in chain.to.iter().filter(|to| **to != id) {
            let link = LinkBuilder::new()
                .operation_id(*to)
                .parameter(chain.parameter, chain.name)
                .build();
            response.links.insert((*to).to_owned(), RefOr::T(link));
        }
    }
}
