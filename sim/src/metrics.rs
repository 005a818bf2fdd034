//! What a run measures.
pub mod catalog;
