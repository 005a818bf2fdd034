//! `amanah init`: a scenario to begin with. On a terminal it asks for what no flag says; elsewhere there are defaults.

use super::exit::Exit;
use super::{colour, put, shell};
use crate::network::topology;
use crate::plan::Plan;
use crate::result;
use crate::scenario::Scenario;
use crate::schema;
use crate::starter::{FAULTS, Starter, WORKLOADS};
use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::json;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Arguments of `init`.
#[derive(Args)]
pub struct Init {
    /// Name of the scenario: a to z, 0 to 9 and `-`. [default: my-consortium]
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// How many replicas. [default: 4]
    #[arg(long, value_name = "N")]
    replicas: Option<u32>,
    /// Where they are. [default: lan]
    #[arg(long, value_name = "NAME", visible_alias = "regions", value_parser = PossibleValuesParser::new(topology::NAMES))]
    topology: Option<String>,
    /// What institutions do; may be repeated. [default: personal_health_record]
    #[arg(long = "workload", value_name = "KIND", value_parser = PossibleValuesParser::new(WORKLOADS.map(|one| one.name)))]
    workloads: Vec<String>,
    /// What goes wrong; several with commas. [default: nothing]
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = PossibleValuesParser::new(FAULTS.map(|(name, _)| name)))]
    faults: Vec<String>,
    /// Operations of each workload, as in `400/s`. [default: one that is simulated quickly]
    #[arg(long, value_name = "RATE")]
    rate: Option<String>,
    /// Length of the measurement, as in `60s`. [default: 20s]
    #[arg(long, value_name = "DURATION")]
    duration: Option<String>,
    /// Where to write it; `-` is stdout. [default: NAME.yaml]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Ask nothing.
    #[arg(long)]
    yes: bool,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
    /// Print nothing but failures.
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
    /// Print one JSON document on stdout instead of text.
    #[arg(long)]
    json: bool,
}

/// Writes it.
pub fn init(arguments: &Init) -> io::Result<Exit> {
    let asked = io::stdin().is_terminal() && io::stderr().is_terminal() && !arguments.yes;
    let starter = match asked {
        true => ask(arguments, &mut io::stdin().lock(), &mut io::stderr().lock())?,
        false => silent(arguments),
    };
    let refuse = |why: String| {
        eprintln!("error: {why}");
        Ok(Exit::Invalid)
    };
    let text = match starter.to_yaml() {
        Ok(text) => text,
        Err(why) => return refuse(why),
    };
    let file = arguments.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.yaml", starter.name)));
    let shown = file.display().to_string();
    if let Err(errors) = Scenario::parse(&shown, &text).and_then(|scenario| Plan::from_scenario(&scenario)) {
        eprint!("{}", errors.render(colour()));
        return Ok(Exit::Invalid);
    }
    if file == Path::new("-") {
        return put(&text).map(|()| Exit::Success);
    }
    if file.exists() && !arguments.force {
        return refuse(format!(
            "{shown} is there already\n  = choose another name with `-o`, or write over it with `--force`"
        ));
    }
    let schema = file.with_file_name(schema::FILE);
    if let Err(error) = result::write_text(&file, &text) {
        eprintln!("error: {error}");
        return Ok(Exit::Failure);
    }
    // Somebody's file of that name stays as it is.
    if !schema.exists()
        && let Err(error) = result::write_text(&schema, &schema::text())
    {
        eprintln!("error: {error}");
        return Ok(Exit::Failure);
    }
    if arguments.json {
        let row = json!({ "file": shown, "schema": schema.display().to_string() });
        put(&format!("{row:#}\n"))?;
    } else if !arguments.quiet {
        let word = shell(&shown);
        put(&format!(
            "{shown}\n{} (editors complete keys by it)\nlook at the file, then\n  amanah check {word}\n  amanah run {word}\n",
            schema.display()
        ))?;
    }
    Ok(Exit::Success)
}

const NAME: &str = "my-consortium";
const REPLICAS: u32 = 4;
const TOPOLOGY: &str = "lan";
const DURATION: &str = "20s";

fn silent(arguments: &Init) -> Starter {
    let mut workloads = arguments.workloads.clone();
    if workloads.is_empty() {
        workloads.push(WORKLOADS[0].name.to_owned());
    }
    Starter {
        name: arguments.name.clone().unwrap_or_else(|| NAME.to_owned()),
        replicas: arguments.replicas.unwrap_or(REPLICAS),
        topology: arguments.topology.clone().unwrap_or_else(|| TOPOLOGY.to_owned()),
        workloads: once(workloads),
        faults: once(arguments.faults.clone()),
        rate: arguments.rate.clone(),
        duration: arguments.duration.clone().unwrap_or_else(|| DURATION.to_owned()),
    }
}

/// Each name once, in the order given.
fn once(names: Vec<String>) -> Vec<String> {
    names.into_iter().fold(Vec::new(), |mut all, name| {
        if !all.contains(&name) {
            all.push(name);
        }
        all
    })
}

/// Asks for what is not given; an empty answer takes what stands in brackets.
fn ask(arguments: &Init, input: &mut impl BufRead, output: &mut impl Write) -> io::Result<Starter> {
    let mut starter = silent(arguments);
    let mut question =
        |text: &str, default: &str, fits: &dyn Fn(&str) -> Result<(), String>| -> io::Result<String> {
            loop {
                write!(output, "{text} [{default}] ")?;
                output.flush()?;
                let mut line = String::new();
                let end = input.read_line(&mut line)? == 0;
                let answer = if line.trim().is_empty() { default } else { line.trim() };
                match fits(answer) {
                    Ok(()) => return Ok(answer.to_owned()),
                    Err(why) if end => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why)),
                    Err(why) => writeln!(output, "  {why}")?,
                }
            }
        };
    let any = |_: &str| Ok(());
    if arguments.name.is_none() {
        starter.name = question("What is it called?", NAME, &any)?;
    }
    if arguments.replicas.is_none() {
        let number = |text: &str| match text.parse::<u32>() {
            Ok(1..=400) => Ok(()),
            _ => Err("a number from 1 to 400".to_owned()),
        };
        let answer = question("How many replicas?", &REPLICAS.to_string(), &number)?;
        starter.replicas = answer.parse().unwrap_or(REPLICAS);
    }
    if arguments.topology.is_none() {
        starter.topology = question("Where? lan, metro, gulf-5, published-6, world-10", TOPOLOGY, &|text| {
            known(text, topology::NAMES.iter().copied())
        })?;
    }
    let list = |text: &str| -> Vec<String> {
        once(text.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect())
    };
    if arguments.workloads.is_empty() {
        let kinds = WORKLOADS.map(|one| one.name);
        let answer = question(&format!("What do they do? {}", kinds.join(", ")), kinds[0], &|text| {
            list(text).iter().try_for_each(|word| known(word, kinds))
        })?;
        starter.workloads = list(&answer);
    }
    if arguments.faults.is_empty() {
        let kinds = FAULTS.map(|(name, _)| name);
        let answer =
            question(&format!("What goes wrong? {}, or nothing", kinds.join(", ")), "nothing", &|text| {
                list(text).iter().filter(|word| *word != "nothing").try_for_each(|word| known(word, kinds))
            })?;
        starter.faults = list(&answer).into_iter().filter(|word| word != "nothing").collect();
    }
    if arguments.duration.is_none() {
        starter.duration = question("How long is measured?", DURATION, &any)?;
    }
    Ok(starter)
}

fn known<'a>(word: &str, names: impl IntoIterator<Item = &'a str> + Clone) -> Result<(), String> {
    match names.clone().into_iter().any(|name| name == word) {
        true => Ok(()),
        false => Err(format!("{word}: expected {}", crate::diagnostic::one_of(names))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        init: Init,
    }

    fn answered(flags: &[&str], answers: &str) -> (Starter, String) {
        let line = Line::parse_from([&["init"], flags].concat());
        let mut said = Vec::new();
        let starter = ask(&line.init, &mut answers.as_bytes(), &mut said).unwrap();
        (starter, String::from_utf8(said).unwrap())
    }

    #[test]
    fn questions_ask_for_what_flags_do_not_say() {
        let (starter, said) = answered(&["ours", "--replicas", "7"], "here\nmetro\n\ncrash, partition\n\n");
        assert_eq!(
            (starter.name.as_str(), starter.replicas, starter.topology.as_str()),
            ("ours", 7, "metro")
        );
        assert_eq!(
            (starter.workloads.as_slice(), starter.duration.as_str()),
            (&["personal_health_record".to_owned()][..], "20s")
        );
        assert_eq!(starter.faults, ["crash", "partition"]);
        assert!(said.contains("here: expected `lan`"), "{said}");
        assert!(!said.contains("How many"), "{said}");
        let (starter, _) = answered(&["--faults", "crash,crash", "--workload", "claims"], "");
        assert_eq!((starter.name.as_str(), starter.faults.len(), starter.workloads.len()), (NAME, 1, 1));
    }
}
