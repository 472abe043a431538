//! The points at which the product's processes can be made to die or to stop, as they are known from outside.

use std::fmt;

use crate::scenario::Backend;

/// Which program a process runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    Api,
    Worker,
}

/// What happens at a point.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Action {
    Abort,
    Kill,
    Pause,
}

/// A point of the product.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Point(pub(crate) &'static str);

/// One point that is made to strike once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Strike {
    pub(crate) point: Point,
    pub(crate) action: Action,
    /// How often the point is passed before it strikes.
    pub(crate) passes: u32,
}

pub(crate) const ACTIONS: [Action; 3] = [Action::Abort, Action::Kill, Action::Pause];

const API_POINTS: [Point; 2] = [
    Point("after_insert_before_commit"),
    Point("after_commit_before_answer"),
];

/// Where there is a dispatcher, which the embedded backend has no need of.
const DISPATCH_POINT: Point = Point("after_commit_before_send");
/// Reached by a worker that is told to end.
pub(crate) const SHUTDOWN_POINT: Point = Point("in_shutdown");
/// Reached once per heartbeat only.
const HEARTBEAT_POINT: Point = Point("in_heartbeat");

const WORKER_POINTS: [Point; 8] = [
    DISPATCH_POINT,
    Point("after_receive"),
    Point("after_claim"),
    Point("before_effect"),
    Point("after_effect"),
    Point("after_commit_before_delete"),
    HEARTBEAT_POINT,
    SHUTDOWN_POINT,
];

impl Role {
    /// The program, which also begins the processes' names.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Worker => "worker",
        }
    }

    /// The points that its processes pass.
    pub(crate) fn points(self, backend: Backend) -> Vec<Point> {
        let all: &[Point] = match self {
            Self::Api => &API_POINTS,
            Self::Worker => &WORKER_POINTS,
        };
        let exists = |point: &Point| backend == Backend::Sqs || *point != DISPATCH_POINT;
        all.iter().copied().filter(exists).collect()
    }
}

impl Action {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Abort => "abort",
            Self::Kill => "kill",
            Self::Pause => "pause",
        }
    }

    /// The signal that ends the process.
    pub(crate) fn signal(self) -> Option<i32> {
        match self {
            Self::Abort => Some(nix::libc::SIGABRT),
            Self::Kill => Some(nix::libc::SIGKILL),
            Self::Pause => None,
        }
    }
}

impl Point {
    /// The most passes that it is worth waiting for.
    pub(crate) fn most_passes(self) -> u32 {
        if self == SHUTDOWN_POINT || self == HEARTBEAT_POINT {
            0
        } else {
            5
        }
    }
}

impl Strike {
    /// What a process is told by its environment.
    pub(crate) fn setting(self) -> String {
        let (point, action) = (self.point.0, self.action.name());
        match self.passes {
            0 => format!("{point}=1*return({action})"),
            passes => format!("{point}={passes}*off->1*return({action})"),
        }
    }

    /// What a process says before it happens.
    pub(crate) fn told(self) -> String {
        format!("failpoint: {} {}", self.point.0, self.action.name())
    }
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.point.0, self.action.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strike_is_told_in_the_products_words() {
        let strike = |passes| Strike {
            point: Point("after_claim"),
            action: Action::Kill,
            passes,
        };
        assert_eq!(strike(0).setting(), "after_claim=1*return(kill)");
        assert_eq!(strike(3).setting(), "after_claim=3*off->1*return(kill)");
        assert_eq!(strike(3).told(), "failpoint: after_claim kill");
    }

    #[test]
    fn the_embedded_backend_has_no_dispatcher() {
        assert_eq!(Role::Worker.points(Backend::Sqs).len(), 8);
        assert!(!Role::Worker.points(Backend::Postgres).contains(&DISPATCH_POINT));
        assert_eq!(Role::Api.points(Backend::Postgres).len(), 2);
    }
}
