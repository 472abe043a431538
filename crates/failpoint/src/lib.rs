//! Points at which a process can be made to die or to stop, at the very moment between two steps that a test wants to
//! see torn apart.
//!
//! Without the feature `enabled`, [`hit`] is empty and this crate brings nothing into the program. With it, the
//! variable `TANDEM_FAILPOINTS` says what happens where: `NAME=ACTIONS`, several of them with `;` between. Actions are
//! those of the library `fail`, and what strikes is its `return`:
//!
//! | Action | The process |
//! |---|---|
//! | `return(kill)` | is killed, as by `kill -9` |
//! | `return(abort)` | aborts itself |
//! | `return(pause)` | stops, until somebody outside sends it `SIGCONT` |
//!
//! In front of an action stand how often it is done when the point is reached, and how many times at most:
//! `after_claim=2%1*return(kill)`. Before a point strikes, a line on standard error tells its name and the action:
//! `failpoint: after_claim kill`. A process whose variable can't be understood ends at the first point it reaches.

#[cfg(any(test, feature = "enabled"))]
mod strike;

/// All points, in the order in which a job passes them.
pub const NAMES: [&str; 10] = [
    // The rows of a submit are written, its transaction is open.
    "after_insert_before_commit",
    // A submit is committed, and nobody was told.
    "after_commit_before_answer",
    // Doorbells were taken from the outbox, and not sent.
    "after_commit_before_send",
    // A worker has messages whose jobs it has not claimed.
    "after_receive",
    // A claim is committed, and no handler has begun.
    "after_claim",
    // On the two sides of a handler.
    "before_effect",
    "after_effect",
    // An outcome is committed, and the message of its job is still there.
    "after_commit_before_delete",
    // The database has answered a heartbeat, and nothing was done about the answer.
    "in_heartbeat",
    // A worker that drains has stopped taking jobs, and has handed nothing back.
    "in_shutdown",
];

/// Says that the process is at this point, one of [`NAMES`]. Returns, unless the point is made to strike.
#[inline]
pub fn hit(name: &'static str) {
    debug_assert!(NAMES.contains(&name), "{name} is not among the failpoints");
    #[cfg(any(test, feature = "enabled"))]
    strike::hit(name);
}
