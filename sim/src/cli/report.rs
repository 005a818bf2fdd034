//! `amanah report`: the page about a run from its result alone, and the picture of it.

use super::exit::Exit;
use super::progress::{Interrupt, Pace, Watcher};
use super::put;
use super::replay::sequence;
use crate::report::{html, picture};
use crate::result::{Beside, REPORT_NAME, ResultFile, Series, write_text};
use clap::Args;
use std::io;
use std::path::{Path, PathBuf};

/// Arguments of `report`.
#[derive(Args)]
pub struct Report {
    /// A `result.json`, or the directory that it is in.
    #[arg(value_name = "RESULT")]
    result: PathBuf,
    /// Where the page goes. [default: report.html beside the result]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Play the run again and draw its slowest share into the page; takes twice as long as the run did.
    #[arg(long)]
    sequence: bool,
    /// Instead of the page draw one picture, throughput and latency over time with the faults, as SVG for light and dark.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["out", "sequence"])]
    picture: Option<PathBuf>,
}

/// Writes the page, or the picture.
pub fn report(arguments: &Report) -> io::Result<Exit> {
    let directory = match arguments.result.is_dir() {
        true => arguments.result.clone(),
        false => arguments.result.parent().map(Path::to_owned).unwrap_or_default(),
    };
    let read = ResultFile::read(&arguments.result).and_then(|result| Ok((result, Beside::read(&directory)?)));
    let (result, beside) = match read {
        Ok(read) => read,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(Exit::Invalid);
        }
    };
    let (file, text) = match &arguments.picture {
        Some(file) => match picture::svg(&result, &Series::parse(&beside.series)) {
            Ok(text) => (file.clone(), text),
            Err(why) => {
                eprintln!("error: {}: {why}", arguments.result.display());
                return Ok(Exit::Invalid);
            }
        },
        None => {
            let drawn = match drawn(arguments, &result) {
                Ok(drawn) => drawn,
                Err(why) => {
                    eprintln!("error: {}: --sequence: {why}", arguments.result.display());
                    return Ok(Exit::Invalid);
                }
            };
            let drawn = drawn.as_ref().map(|(caption, svg)| (caption.as_str(), svg.as_str()));
            let file = arguments.out.clone().unwrap_or_else(|| directory.join(REPORT_NAME));
            (file, html::run(&result, &beside, drawn))
        }
    };
    if let Err(error) = write_text(&file, &text) {
        eprintln!("error: {error}");
        return Ok(Exit::Failure);
    }
    put(&format!("{}\n", file.display()))?;
    Ok(Exit::Success)
}

/// The slowest share, if it is to be drawn: caption and SVG.
fn drawn(arguments: &Report, result: &ResultFile) -> Result<Option<(String, String)>, String> {
    if !arguments.sequence {
        return Ok(None);
    }
    if result.partial || result.world.is_live() {
        return Err("an interrupted or live run cannot be played again\n  = leave --sequence out".to_owned());
    }
    let Some(share) = result.notable.iter().find(|row| row.what == "slowest share") else {
        return Err("the run completed no share\n  = leave --sequence out".to_owned());
    };
    let interrupt = Interrupt::listen();
    let mut watcher = Watcher::new(&result.plan.name, Pace::Virtual, false, &interrupt);
    let svg = sequence(&result.plan, share.operation, &mut |progress| watcher.observe(progress))?;
    let caption = format!("The slowest share: operation {}", share.operation);
    Ok(Some((caption, svg)))
}
