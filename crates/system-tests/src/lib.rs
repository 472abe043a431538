//! Tests of the whole: `api`, `worker` and `tandem` as processes of their own, on a real Postgres and a real SQS-protocol
//! server, with a receiver that logs what reaches it. All of it is in `tests/`.
