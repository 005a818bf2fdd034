//! All figures of all runs as one table, in CSV and in Parquet; [`super`] says what the columns mean.
//!
//! The same runs make the same bytes, whoever played them and in whatever order they came.

use super::cell::Cell;
use super::manifest::{AxisRow, Manifest, RunRow};
use crate::expect::Expected;
use crate::metrics::{Latency, Value};
use crate::result::Figure;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use indexmap::IndexMap;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// The table as text.
pub const CSV_NAME: &str = "results.csv";
/// The table as columns.
pub const PARQUET_NAME: &str = "results.parquet";
/// Changes whenever a reader of an earlier version would misread the table; in the Parquet file's metadata.
pub const SCHEMA_VERSION: u64 = 1;
/// What the version is called there; beside it lies [`AXES_KEY`].
pub const SCHEMA_KEY: &str = "amanah.schema_version";
/// A JSON object there: columns of axes, and the key paths that they are.
pub const AXES_KEY: &str = "amanah.axes";

/// What a table takes from a finished run.
#[derive(Clone, Debug)]
pub struct Finished {
    /// In the manifest.
    pub number: usize,
    /// Of the run.
    pub digest: String,
    /// As `amanah run` would have ended.
    pub exit_code: u8,
    /// In the order of the catalog.
    pub metrics: IndexMap<String, Figure>,
    /// By family.
    pub latencies: BTreeMap<String, Latency>,
    /// What became of each line of `expect:`.
    pub expectations: Vec<Expected>,
}

impl Finished {
    /// Of a cell; `None` if a distribution of it is none.
    pub fn new(number: usize, cell: Cell) -> Option<Self> {
        let latencies = cell.hdr.into_iter().map(|(family, bytes)| Some((family, Latency::decode(&bytes)?)));
        Some(Self {
            number,
            digest: cell.result.digest,
            exit_code: cell.exit_code,
            metrics: cell.result.metrics,
            latencies: latencies.collect::<Option<_>>()?,
            expectations: cell.result.expectations,
        })
    }

    /// A figure of it.
    pub fn get(&self, metric: &str) -> Option<f64> {
        self.metrics.get(metric).map(|figure| figure.value.as_f64())
    }

    /// Figures, then distributions.
    fn rows(&self) -> impl Iterator<Item = (&str, &str, Option<Value>, Option<Vec<u8>>)> {
        let figures = self
            .metrics
            .iter()
            .map(|(name, figure)| (name.as_str(), figure.unit.as_str(), Some(figure.value), None));
        figures
            .chain(self.latencies.iter().map(|(family, it)| (family.as_str(), "ns", None, Some(it.encode()))))
    }
}

/// The column of each axis.
pub fn columns(axes: &[AxisRow]) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for axis in axes {
        let word = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let mut name = format!("axis_{}", axis.path.chars().map(word).collect::<String>().replace("__", "_"));
        while columns.contains(&name) {
            name.push('_');
        }
        columns.push(name);
    }
    columns
}

/// Whether all values of an axis are integers.
fn is_integer(axis: &AxisRow) -> bool {
    axis.labels.iter().all(|label| label.parse::<i64>().is_ok())
}

/// The table in CSV, as RFC 4180 has it but for line feeds.
pub fn csv(manifest: &Manifest, runs: &[Finished]) -> String {
    let mut text = String::from("run_id,scenario,cell,seed");
    columns(&manifest.axes).iter().for_each(|column| {
        let _ = write!(text, ",{column}");
    });
    text.push_str(",digest,exit_code,metric,unit,value,hdr\n");
    for run in runs {
        let row = &manifest.runs[run.number];
        let mut head = format!("{},{},{},{}", row.run_id, manifest.scenario, run.number, row.seed);
        row.labels.iter().for_each(|label| {
            let _ = write!(head, ",{}", quoted(label));
        });
        let _ = write!(head, ",{},{}", run.digest, run.exit_code);
        for (metric, unit, value, hdr) in run.rows() {
            let _ = write!(text, "{head},{metric},{unit},");
            let _ = match value {
                Some(Value::Whole(number)) => write!(text, "{number},"),
                Some(Value::Real(number)) => write!(text, "{number},"),
                Some(Value::Never) => write!(text, "inf,"),
                None => write!(text, ","),
            };
            text.push_str(&hdr.map(|bytes| BASE64_STANDARD.encode(bytes)).unwrap_or_default());
            text.push('\n');
        }
    }
    text
}

fn quoted(text: &str) -> String {
    match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// The table as a Parquet file: one row group, dictionaries for what repeats, and nothing compressed, so that every reader
/// takes it.
///
/// # Errors
/// Of the format's library; none is expected.
pub fn parquet(manifest: &Manifest, runs: &[Finished]) -> Result<Vec<u8>, ParquetError> {
    let columns = columns(&manifest.axes);
    let mut schema = String::from(
        "message sweep { REQUIRED BYTE_ARRAY run_id (UTF8); REQUIRED BYTE_ARRAY scenario (UTF8); \
         REQUIRED INT32 cell; REQUIRED INT64 seed (INTEGER(64,false)); ",
    );
    for (axis, column) in manifest.axes.iter().zip(&columns) {
        let _ = match is_integer(axis) {
            true => write!(schema, "REQUIRED INT64 {column}; "),
            false => write!(schema, "REQUIRED BYTE_ARRAY {column} (UTF8); "),
        };
    }
    schema.push_str(
        "REQUIRED BYTE_ARRAY digest (UTF8); REQUIRED INT32 exit_code; REQUIRED BYTE_ARRAY metric (UTF8); \
         REQUIRED BYTE_ARRAY unit (UTF8); OPTIONAL DOUBLE value; OPTIONAL BYTE_ARRAY hdr; }",
    );
    let axes: BTreeMap<&str, &str> =
        columns.iter().map(String::as_str).zip(manifest.axes.iter().map(|axis| axis.path.as_str())).collect();
    let axes = serde_json::to_string(&axes).expect("keys are text");
    let facts = [(SCHEMA_KEY, SCHEMA_VERSION.to_string()), (AXES_KEY, axes)];
    let facts = facts.map(|(key, value)| KeyValue { key: key.to_owned(), value: Some(value) });
    let properties = WriterProperties::builder()
        .set_created_by(format!("amanah version {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::UNCOMPRESSED)
        .set_key_value_metadata(Some(facts.to_vec()));
    let schema = Arc::new(parse_message_type(&schema)?);
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build()))?;
    let mut group = file.next_row_group()?;
    let rows = Rows::of(manifest, runs);
    let text = |of: &dyn Fn(&Place<'_>) -> ByteArray| rows.0.iter().map(of).collect::<Vec<_>>();
    column::<ByteArrayType>(&mut group, &text(&|row| row.run.run_id.as_str().into()), None)?;
    column::<ByteArrayType>(&mut group, &text(&|_| manifest.scenario.as_str().into()), None)?;
    let cells: Vec<i32> = rows.0.iter().map(|row| row.finished.number as i32).collect();
    column::<Int32Type>(&mut group, &cells, None)?;
    let seeds: Vec<i64> = rows.0.iter().map(|row| row.run.seed.cast_signed()).collect();
    column::<Int64Type>(&mut group, &seeds, None)?;
    for (index, axis) in manifest.axes.iter().enumerate() {
        if is_integer(axis) {
            let number = |row: &Place<'_>| row.run.labels[index].parse().unwrap_or_default();
            let numbers: Vec<i64> = rows.0.iter().map(number).collect();
            column::<Int64Type>(&mut group, &numbers, None)?;
        } else {
            column::<ByteArrayType>(&mut group, &text(&|row| row.run.labels[index].as_str().into()), None)?;
        }
    }
    column::<ByteArrayType>(&mut group, &text(&|row| row.finished.digest.as_str().into()), None)?;
    let codes: Vec<i32> = rows.0.iter().map(|row| i32::from(row.finished.exit_code)).collect();
    column::<Int32Type>(&mut group, &codes, None)?;
    column::<ByteArrayType>(&mut group, &text(&|row| row.metric.into()), None)?;
    column::<ByteArrayType>(&mut group, &text(&|row| row.unit.into()), None)?;
    let values: Vec<f64> = rows.0.iter().filter_map(|row| row.value.map(Value::as_f64)).collect();
    let there: Vec<i16> = rows.0.iter().map(|row| i16::from(row.value.is_some())).collect();
    column::<DoubleType>(&mut group, &values, Some(&there))?;
    let distributions: Vec<ByteArray> =
        rows.0.iter().filter_map(|row| row.hdr.clone().map(ByteArray::from)).collect();
    let there: Vec<i16> = rows.0.iter().map(|row| i16::from(row.hdr.is_some())).collect();
    column::<ByteArrayType>(&mut group, &distributions, Some(&there))?;
    group.close()?;
    file.into_inner()
}

struct Place<'a> {
    run: &'a RunRow,
    finished: &'a Finished,
    metric: &'a str,
    unit: &'a str,
    value: Option<Value>,
    hdr: Option<Vec<u8>>,
}

struct Rows<'a>(Vec<Place<'a>>);

impl<'a> Rows<'a> {
    fn of(manifest: &'a Manifest, runs: &'a [Finished]) -> Self {
        let of_run = |finished: &'a Finished| {
            let run = &manifest.runs[finished.number];
            finished.rows().map(move |(metric, unit, value, hdr)| Place {
                run,
                finished,
                metric,
                unit,
                value,
                hdr,
            })
        };
        Self(runs.iter().flat_map(of_run).collect())
    }
}

/// Writes the next column; `there` has a 1 for each row that has one of `values`.
fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[T::T],
    there: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let mut column = group.next_column()?.expect("the schema has a column for each one that is written");
    column.typed::<T>().write_batch(values, there, None)?;
    column.close()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::check::check;
    use crate::metrics::{Metrics, fake};
    use crate::sweep::cell::run_id;
    use bytes::Bytes;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::{Field, Row};

    pub(in crate::sweep) fn finished() -> (Manifest, Vec<Finished>) {
        let axes = vec![
            AxisRow { path: "ledger.replicas".to_owned(), labels: vec!["4".to_owned(), "7".to_owned()] },
            AxisRow { path: "faults[0].at".to_owned(), labels: vec!["a, \"b\"".to_owned()] },
        ];
        let (mut rows, mut all) = (Vec::new(), Vec::new());
        for (number, replicas) in ["4", "7"].into_iter().enumerate() {
            let mut plan = fake::plan();
            plan.seed += number as u64;
            let labels = vec![replicas.to_owned(), "a, \"b\"".to_owned()];
            rows.push(RunRow { run_id: run_id(&plan), seed: plan.seed, labels });
            let run = fake::run(&plan);
            let mut metrics = Metrics::of(&run);
            metrics.values.insert("recovery.time", Value::Never);
            let cell = Cell::new(&run, &metrics, &check(&run), &[], 0);
            all.push(Finished::new(number, cell).unwrap());
        }
        (Manifest::new("fake", "Does it?", axes, rows), all)
    }

    fn read(bytes: Vec<u8>) -> (Vec<String>, Vec<Row>, BTreeMap<String, String>) {
        let reader = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
        let metadata = reader.metadata().file_metadata();
        let facts = metadata.key_value_metadata().unwrap().iter();
        let facts = facts.map(|fact| (fact.key.clone(), fact.value.clone().unwrap())).collect();
        let names = metadata.schema_descr().columns().iter().map(|column| column.name().to_owned()).collect();
        (names, reader.get_row_iter(None).unwrap().map(Result::unwrap).collect(), facts)
    }

    #[test]
    fn csv_and_parquet_are_read_back_and_say_the_same() {
        let (manifest, runs) = finished();
        let csv = csv(&manifest, &runs);
        let bytes = parquet(&manifest, &runs).unwrap();
        assert_eq!(bytes, parquet(&manifest, &runs).unwrap());
        let (names, rows, facts) = read(bytes);
        assert_eq!(names.join(","), csv.lines().next().unwrap());
        assert_eq!(names[4..6], ["axis_ledger_replicas", "axis_faults_0_at"]);
        assert_eq!(facts[SCHEMA_KEY], "1");
        let axes = "{\"axis_faults_0_at\":\"faults[0].at\",\"axis_ledger_replicas\":\"ledger.replicas\"}";
        assert_eq!(facts[AXES_KEY], axes);
        assert_eq!(rows.len(), csv.lines().count() - 1);
        for (row, line) in rows.iter().zip(csv.lines().skip(1)) {
            let fields: Vec<&Field> = row.get_column_iter().map(|(_, field)| field).collect();
            let cells = line.replace("\"a, \"\"b\"\"\"", "label").replace(",label,", ",\"a; b\",");
            let cells: Vec<&str> = cells.split(',').collect();
            assert_eq!(cells.len(), fields.len(), "{line}");
            for (field, cell) in fields.iter().zip(&cells) {
                match field {
                    Field::Str(text) => assert_eq!(text.replace("a, \"b\"", "\"a; b\""), *cell),
                    Field::Int(number) => assert_eq!(number.to_string(), *cell),
                    Field::Long(number) => assert_eq!(number.to_string(), *cell),
                    Field::ULong(number) => assert_eq!(number.to_string(), *cell),
                    Field::Double(number) => assert_eq!(Ok(*number), cell.parse::<f64>()),
                    Field::Bytes(bytes) => assert_eq!(BASE64_STANDARD.encode(bytes.data()), *cell),
                    Field::Null => assert_eq!(*cell, ""),
                    other => panic!("{other:?}"),
                }
            }
        }
        assert!(csv.contains(",recovery.time,ns,inf,\n"), "{csv}");
        // A distribution is there to the last sample.
        let hdr = rows.iter().find_map(|row| match row.get_column_iter().last() {
            Some((_, Field::Bytes(bytes))) => Latency::decode(bytes.data()),
            _ => None,
        });
        assert!(hdr.unwrap().count() > 0);
    }

    #[test]
    fn columns_of_axes_are_told_apart() {
        let axes = ["a.b", "a_b", "workloads[0].opaque.rate"]
            .map(|path| AxisRow { path: path.to_owned(), labels: Vec::new() });
        assert_eq!(columns(&axes), ["axis_a_b", "axis_a_b_", "axis_workloads_0_opaque_rate"]);
    }
}
