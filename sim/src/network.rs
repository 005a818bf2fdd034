//! Regions and the links between hosts.
pub mod topology;
