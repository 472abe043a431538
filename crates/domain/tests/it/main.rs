//! The domain's decisions, checked within the protocol that they are made for.

mod protocol;
