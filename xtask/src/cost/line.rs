//! The lines of a bill, and what is put on them.

/// What a bill is divided into.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Line {
    LoadBalancer,
    Addresses,
    Egress,
    Database,
    Api,
    Worker,
    Firewall,
    Queues,
    Secrets,
    Images,
    Copies,
    Storage,
    Logs,
    Metrics,
    Alarms,
    Dashboards,
}

impl Line {
    /// Its name in the table.
    pub fn title(self) -> &'static str {
        match self {
            Self::LoadBalancer => "Load balancer",
            Self::Addresses => "Public addresses",
            Self::Egress => "Egress and traffic",
            Self::Database => "Database",
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Firewall => "Firewall",
            Self::Queues => "Queues",
            Self::Secrets => "Secrets and keys",
            Self::Images => "Images",
            Self::Copies => "Copies in the second region",
            Self::Storage => "Access logs, DNS",
            Self::Logs => "Logs",
            Self::Metrics => "Metrics",
            Self::Alarms => "Alarms",
            Self::Dashboards => "Dashboards",
        }
    }

    /// Whether it looks at what runs jobs, and is no part of it.
    pub fn is_monitoring(self) -> bool {
        matches!(self, Self::Logs | Self::Metrics | Self::Alarms | Self::Dashboards)
    }
}

/// So many units of a price.
#[derive(Clone, Debug, PartialEq)]
pub struct Charge {
    pub line: Line,
    /// A key of the price list.
    pub price: String,
    pub quantity: f64,
}

impl Charge {
    pub fn new(line: Line, price: impl Into<String>, quantity: f64) -> Self {
        Self {
            line,
            price: price.into(),
            quantity,
        }
    }
}
