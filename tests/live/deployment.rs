//! The examples under `scenarios/deploy`: they parse, the commands in them are the program's, and the configuration that
//! they mount is one that it reads.

use super::cluster::Cluster;
use crate::amanah::Build;
use crate::support::root;
use serde::Deserialize as _;
use serde_yaml::Value;
use sim::deploy::ReplicaFile;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn examples() -> PathBuf {
    root().join("scenarios/deploy")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(examples().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Commands and options in a line of arguments are the program's.
fn check_command(words: &[&str]) {
    let (command, options) = words.split_first().unwrap();
    let help = Build::Debug.run(Path::new("."), &[command, "--help"]).exits(0).stdout;
    for option in options.iter().filter(|word| word.starts_with("--")) {
        assert!(help.contains(option), "`amanah {command}` has no {option}:\n{help}");
    }
}

#[test]
fn units_and_images_run_commands_that_exist() {
    for unit in ["amanah-replica@.service", "amanah-gateway@.service"] {
        let text = text(unit);
        let line =
            text.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/amanah ")).unwrap();
        check_command(&line.split(' ').collect::<Vec<_>>());
        for section in ["[Unit]", "[Service]", "[Install]"] {
            assert!(text.contains(section), "{unit}: {section}");
        }
    }
    let containerfile = text("Containerfile");
    let line = containerfile.lines().find_map(|line| line.strip_prefix("CMD ")).unwrap();
    let words: Vec<String> = serde_json::from_str(line).unwrap();
    check_command(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(containerfile.contains("--package sim --bin amanah"));
}

#[test]
fn the_stateful_set_parses_and_mounts_what_its_configuration_names() {
    let text = text("kubernetes.yaml");
    let documents: Vec<Value> = serde_yaml::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).unwrap())
        .collect();
    let kinds: Vec<&str> = documents.iter().map(|document| document["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Service", "PodDisruptionBudget", "StatefulSet"]);
    let set = &documents[2]["spec"];
    assert_eq!(set["serviceName"], documents[0]["metadata"]["name"]);
    let pod = &set["template"]["spec"];
    let container = &pod["containers"][0];
    let words: Vec<&str> =
        container["args"].as_sequence().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    check_command(&words);
    let mut volumes: Vec<&str> =
        pod["volumes"].as_sequence().unwrap().iter().map(|volume| volume["name"].as_str().unwrap()).collect();
    volumes.extend(
        set["volumeClaimTemplates"]
            .as_sequence()
            .unwrap()
            .iter()
            .map(|claim| claim["metadata"]["name"].as_str().unwrap()),
    );
    for container in [container, &pod["initContainers"][0]] {
        for mount in container["volumeMounts"].as_sequence().unwrap() {
            let name = mount["name"].as_str().unwrap();
            assert!(volumes.contains(&name), "no volume {name}");
        }
    }
}

#[test]
fn a_container_reads_its_configuration() {
    let cluster = Cluster::new("container");
    let config = text("replica.yaml").replace("REPLICA", "2");
    let directory = &cluster.directory;
    std::fs::write(directory.join("container.yaml"), config).unwrap();
    std::fs::copy(directory.join("replica-2.key"), directory.join("replica.key")).unwrap();
    let mode = std::fs::metadata(directory.join("replica.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let file =
        ReplicaFile::read(&directory.join("container.yaml")).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!((file.id.0, file.listen.as_str()), (2, "0.0.0.0:7000"));
    assert_eq!(file.data, Path::new("/var/lib/amanah/replica"));
}

#[test]
fn the_readme_names_what_is_there() {
    let readme = text("README.md");
    for name in crate::amanah::names(&examples()).iter().filter(|name| *name != "README.md") {
        assert!(readme.contains(name), "README.md does not mention {name}");
    }
}
