//! `amanah schema`: the JSON Schema of scenarios, or the reference as a page.

use super::exit::Exit;
use super::put;
use crate::schema;
use clap::Args;
use std::io;

/// Arguments of `schema`.
#[derive(Args)]
pub struct Schema {
    /// Print the scenario reference as a page in Markdown instead.
    #[arg(long)]
    markdown: bool,
}

/// Prints it.
pub fn schema(arguments: &Schema) -> io::Result<Exit> {
    let text = if arguments.markdown { schema::page() } else { schema::text() };
    put(&text).map(|()| Exit::Success)
}
