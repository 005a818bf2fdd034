//! Pages: one self-contained HTML file each, which asks nobody for anything.
//!
//! [`Page`] is the scaffold that every page of the program shares: head, style, scripts, sections, tables and charts. What
//! goes in is text, never markup, and is escaped here, because names come from people's scenarios.

mod chart;
mod page;
mod table;

pub use chart::{Axis, Chart, Mark, Scale, Series, Shape};
pub use page::{Page, Tone, escape};
pub use table::{Cell, Table};
