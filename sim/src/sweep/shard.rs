//! Which part of a sweep or a hunt a process plays: `i/n`, or what the engine that started it says.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// Most parts.
pub const SHARDS_MAX: usize = 100_000;
const EXPECTED: &str =
    "expected `i/n` with i from 0 to n - 1, as in `0/4`; `auto` in a Slurm job array; or `auto/n`";

/// Part `index` of `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl Shard {
    /// From 0.
    pub const fn index(self) -> usize {
        self.index
    }

    /// How many there are.
    pub const fn count(self) -> usize {
        self.count
    }

    /// Whether it plays the run with this number.
    pub fn has(self, number: usize) -> bool {
        number % self.count == self.index
    }

    /// Its part of a range, in one piece: the parts of all shards in their order are the whole.
    pub fn part(self, whole: &Range<u64>) -> Range<u64> {
        let length = u128::from(whole.end.saturating_sub(whole.start));
        let at = |index: usize| whole.start + (length * index as u128 / self.count as u128) as u64;
        at(self.index)..at(self.index + 1)
    }

    /// Reads `i/n`, `auto` or `auto/n`; `variable` looks into the environment.
    ///
    /// # Errors
    /// In words.
    pub fn read(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let number =
            |text: &str| text.parse::<usize>().map_err(|_| format!("`{text}` is no number; {EXPECTED}"));
        let of_variable = |name: &str| variable(name).map(|text| number(&text)).transpose();
        let (index, count) = match text.split_once('/') {
            None if text == "auto" => {
                let Some(id) = of_variable("SLURM_ARRAY_TASK_ID")? else {
                    return Err(
                        "`auto` finds no SLURM_ARRAY_TASK_ID; elsewhere say how many parts there are, as in \
                                `auto/8`"
                            .to_owned(),
                    );
                };
                let count = of_variable("SLURM_ARRAY_TASK_COUNT")?.unwrap_or(1);
                let first = of_variable("SLURM_ARRAY_TASK_MIN")?.unwrap_or(id);
                let step = of_variable("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
                (id.saturating_sub(first) / step, count)
            }
            Some(("auto", count)) => {
                let names = ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"];
                let found = names.iter().find_map(|name| of_variable(name).transpose()).transpose()?;
                let missing = || format!("`auto/n` finds neither {} nor {}", names[0], names[1]);
                (found.ok_or_else(missing)?, number(count)?)
            }
            Some((index, count)) => (number(index)?, number(count)?),
            None => return Err(format!("`{text}` is no part; {EXPECTED}")),
        };
        if index >= count || count > SHARDS_MAX {
            return Err(format!("there is no part {index} of {count}; {EXPECTED}"));
        }
        Ok(Self { index, count })
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::read(text, |name| std::env::var(name).ok())
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Shard::read(text, variable).map(|shard| shard.to_string())
    }

    #[test]
    fn shards_partition_runs_and_seeds_exactly() {
        for count in 1..20 {
            let shards: Vec<Shard> = (0..count).map(|index| Shard { index, count }).collect();
            for number in 0..100 {
                assert_eq!(shards.iter().filter(|shard| shard.has(number)).count(), 1);
            }
            for whole in [7..7, 7..8, 1..101, u64::MAX - 50..u64::MAX] {
                let mut next = whole.start;
                for shard in &shards {
                    let part = shard.part(&whole);
                    assert_eq!(part.start, next);
                    next = part.end;
                }
                assert_eq!(next, whole.end);
            }
        }
    }

    #[test]
    fn engines_say_which_part() {
        let slurm = [
            ("SLURM_ARRAY_TASK_ID", "5"),
            ("SLURM_ARRAY_TASK_MIN", "1"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
            ("SLURM_ARRAY_TASK_STEP", "2"),
        ];
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(read("2/3", &[]), ok("2/3"));
        assert_eq!(read("auto", &slurm), ok("2/4"));
        assert_eq!(read("auto/8", &slurm), ok("5/8"));
        assert_eq!(read("auto/8", &[("JOB_COMPLETION_INDEX", "7")]), ok("7/8"));
        // A single task that is tried again alone plays whatever is missing.
        let alone =
            [("SLURM_ARRAY_TASK_ID", "3"), ("SLURM_ARRAY_TASK_MIN", "3"), ("SLURM_ARRAY_TASK_COUNT", "1")];
        assert_eq!(read("auto", &alone), ok("0/1"));
    }

    #[test]
    fn what_is_no_part_is_refused() {
        let table = [
            ("3/3", "there is no part 3 of 3"),
            ("0/0", "there is no part 0 of 0"),
            ("x", "`x` is no part"),
            ("-1/2", "`-1` is no number"),
            ("auto", "finds no SLURM_ARRAY_TASK_ID"),
            ("auto/4", "finds neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX"),
        ];
        for (text, phrase) in table {
            let error = read(text, &[]).unwrap_err();
            assert!(error.contains(phrase), "{text}: {error}");
        }
        assert!(read("auto/4", &[("JOB_COMPLETION_INDEX", "4")]).is_err());
    }
}
