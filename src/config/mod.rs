//! Configuration: `gateway.yaml` and policies, read, checked and built into the
//! [`crate::gateway::Bundle`] that is live, and built again when they change.

pub mod file;
