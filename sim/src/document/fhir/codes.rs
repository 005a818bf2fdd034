//! Codes that documents use: few, well known, each with its source.
//!
//! | table | source |
//! |---|---|
//! | [`VITALS`], [`PANELS`] | LOINC 2.77; units UCUM 2.1; ranges: common adult reference intervals, and wider ones within which values are drawn |
//! | [`DRUGS`] | RxNorm (National Library of Medicine, public domain) |
//! | [`CONDITIONS`] | ICD-10 (WHO), three characters |
//! | the rest | HL7 terminology for FHIR R4, 4.0.1 |
//!
//! This material contains content from LOINC (loinc.org). LOINC is copyright © Regenstrief Institute, Inc. and the
//! Logical Observation Identifiers Names and Codes (LOINC) Committee and is available at no cost under the license at
//! loinc.org/license. LOINC® is a registered United States trademark of Regenstrief Institute, Inc.

use super::{Coding, Concept, Quantity};
use crate::document::json::Decimal;
use crate::seed::Stream;

/// Address of LOINC.
pub const LOINC: &str = "http://loinc.org";
/// Address of UCUM.
pub const UCUM: &str = "http://unitsofmeasure.org";
/// Address of RxNorm.
pub const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
/// Address of ICD-10.
pub const ICD10: &str = "http://hl7.org/fhir/sid/icd-10";
/// Address of HL7 v3 ActCode.
pub const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
/// Address of HL7 v3 ActReason.
pub const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
/// Address of HL7 v3 Confidentiality.
pub const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
/// Address of the resource types.
pub const RESOURCE_TYPES: &str = "http://hl7.org/fhir/resource-types";

/// A code of LOINC.
pub const fn loinc(code: &'static str, display: &'static str) -> Coding {
    Coding { system: LOINC, code, display }
}

/// Something that is measured: what, in which unit, and between which values. Values are in units of 10^-`scale`.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// LOINC.
    pub code: Coding,
    /// For people.
    pub unit: &'static str,
    /// UCUM.
    pub ucum: &'static str,
    /// Digits after the point.
    pub scale: u8,
    /// Values are drawn from here.
    pub drawn: (i64, i64),
    /// Adults' reference interval.
    pub normal: (i64, i64),
}

impl Measure {
    /// A value: the mean of two uniform draws, so that the middle is likelier than the ends.
    pub fn draw(&self, stream: &mut Stream) -> i64 {
        let (low, high) = self.drawn;
        let width = (high - low) as u64;
        low + ((stream.uniform(0, width) + stream.uniform(0, width)) / 2) as i64
    }

    /// A value of it with its unit.
    pub fn quantity(&self, units: i64) -> Quantity {
        Quantity { value: Decimal { units, scale: self.scale }, unit: self.unit, ucum: self.ucum }
    }

    /// Low, normal or high.
    pub fn interpretation(&self, units: i64) -> Coding {
        let (code, display) = match units {
            _ if units < self.normal.0 => ("L", "Low"),
            _ if units > self.normal.1 => ("H", "High"),
            _ => ("N", "Normal"),
        };
        Coding { system: INTERPRETATION, code, display }
    }
}

const INTERPRETATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";

const fn measure(
    (code, display): (&'static str, &'static str),
    (unit, ucum): (&'static str, &'static str),
    scale: u8,
    drawn: (i64, i64),
    normal: (i64, i64),
) -> Measure {
    Measure { code: loinc(code, display), unit, ucum, scale, drawn, normal }
}

const MG_DL: (&str, &str) = ("mg/dL", "mg/dL");
const MMOL_L: (&str, &str) = ("mmol/L", "mmol/L");
const U_L: (&str, &str) = ("U/L", "U/L");
const G_DL: (&str, &str) = ("g/dL", "g/dL");
const PER_MIN: (&str, &str) = ("/min", "/min");
const MMHG: (&str, &str) = ("mmHg", "mm[Hg]");
const PERCENT: (&str, &str) = ("%", "%");

/// Vital signs, as FHIR's profiles of them code them. The blood pressure is apart: it has two components.
#[rustfmt::skip]
pub const VITALS: [Measure; 7] = [
    measure(("8867-4", "Heart rate"), PER_MIN, 0, (48, 128), (60, 100)),
    measure(("9279-1", "Respiratory rate"), PER_MIN, 0, (10, 28), (12, 20)),
    measure(("2708-6", "Oxygen saturation in Arterial blood"), PERCENT, 0, (89, 100), (95, 100)),
    measure(("8310-5", "Body temperature"), ("Cel", "Cel"), 1, (354, 397), (361, 375)),
    measure(("29463-7", "Body weight"), ("kg", "kg"), 1, (420, 1_240), (500, 1_000)),
    measure(("8302-2", "Body height"), ("cm", "cm"), 0, (148, 198), (150, 195)),
    measure(("39156-5", "Body mass index (BMI) [Ratio]"), ("kg/m2", "kg/m2"), 1, (172, 388), (185, 249)),
];

/// Vital signs together.
pub const VITALS_PANEL: Coding =
    loinc("85353-1", "Vital signs, weight, height, head circumference, oxygen saturation and BMI panel");
/// Panel, systolic and diastolic blood pressure.
pub const BLOOD_PRESSURE: Coding = loinc("85354-9", "Blood pressure panel with all children optional");
/// See [`BLOOD_PRESSURE`].
pub const SYSTOLIC: Measure = measure(("8480-6", "Systolic blood pressure"), MMHG, 0, (92, 188), (90, 139));
/// See [`BLOOD_PRESSURE`].
pub const DIASTOLIC: Measure = measure(("8462-4", "Diastolic blood pressure"), MMHG, 0, (52, 88), (60, 89));

/// A laboratory panel.
#[derive(Clone, Copy, Debug)]
pub struct Panel {
    /// LOINC.
    pub code: Coding,
    /// What is measured.
    pub measures: &'static [Measure],
}

/// Laboratory panels.
pub const PANELS: [Panel; 4] = [
    Panel {
        code: loinc("24323-8", "Comprehensive metabolic 2000 panel - Serum or Plasma"),
        measures: &METABOLIC,
    },
    Panel { code: loinc("58410-2", "CBC panel - Blood by Automated count"), measures: &BLOOD_COUNT },
    Panel { code: loinc("57698-3", "Lipid panel with direct LDL - Serum or Plasma"), measures: &LIPIDS },
    Panel { code: loinc("11502-2", "Laboratory report"), measures: &OTHERS },
];

#[rustfmt::skip]
const METABOLIC: [Measure; 14] = [
    measure(("2345-7", "Glucose [Mass/volume] in Serum or Plasma"), MG_DL, 0, (62, 210), (70, 99)),
    measure(("3094-0", "Urea nitrogen [Mass/volume] in Serum or Plasma"), MG_DL, 0, (5, 38), (7, 20)),
    measure(("2160-0", "Creatinine [Mass/volume] in Serum or Plasma"), MG_DL, 2, (50, 240), (60, 130)),
    measure(("17861-6", "Calcium [Mass/volume] in Serum or Plasma"), MG_DL, 1, (80, 112), (86, 103)),
    measure(("2951-2", "Sodium [Moles/volume] in Serum or Plasma"), MMOL_L, 0, (128, 150), (135, 145)),
    measure(("2823-3", "Potassium [Moles/volume] in Serum or Plasma"), MMOL_L, 1, (29, 60), (35, 50)),
    measure(("2075-0", "Chloride [Moles/volume] in Serum or Plasma"), MMOL_L, 0, (92, 114), (98, 107)),
    measure(("2028-9", "Carbon dioxide, total [Moles/volume] in Serum or Plasma"), MMOL_L, 0, (17, 34), (22, 29)),
    measure(("2885-2", "Protein [Mass/volume] in Serum or Plasma"), G_DL, 1, (52, 90), (60, 83)),
    measure(("1751-7", "Albumin [Mass/volume] in Serum or Plasma"), G_DL, 1, (26, 54), (35, 50)),
    measure(("1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma"), MG_DL, 1, (1, 30), (1, 12)),
    measure(("6768-6", "Alkaline phosphatase [Enzymatic activity/volume] in Serum or Plasma"), U_L, 0, (30, 190), (40, 130)),
    measure(("1742-6", "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma"), U_L, 0, (6, 110), (7, 56)),
    measure(("1920-8", "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma"), U_L, 0, (7, 96), (10, 40)),
];

#[rustfmt::skip]
const BLOOD_COUNT: [Measure; 8] = [
    measure(("6690-2", "Leukocytes [#/volume] in Blood by Automated count"), ("10*3/uL", "10*3/uL"), 1, (28, 168), (45, 110)),
    measure(("789-8", "Erythrocytes [#/volume] in Blood by Automated count"), ("10*6/uL", "10*6/uL"), 2, (310, 620), (410, 590)),
    measure(("718-7", "Hemoglobin [Mass/volume] in Blood"), G_DL, 1, (84, 184), (120, 175)),
    measure(("4544-3", "Hematocrit [Volume Fraction] of Blood by Automated count"), PERCENT, 1, (260, 540), (360, 510)),
    measure(("787-2", "MCV [Entitic mean volume] in Red Blood Cells by Automated count"), ("fL", "fL"), 1, (720, 1_080), (800, 1_000)),
    measure(("785-6", "MCH [Entitic mass] by Automated count"), ("pg", "pg"), 1, (230, 360), (270, 330)),
    measure(("786-4", "MCHC [Mass/volume] in Red Blood Cells by Automated count"), G_DL, 1, (300, 370), (320, 360)),
    measure(("777-3", "Platelets [#/volume] in Blood by Automated count"), ("10*3/uL", "10*3/uL"), 0, (90, 480), (150, 400)),
];

#[rustfmt::skip]
const LIPIDS: [Measure; 4] = [
    measure(("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma"), MG_DL, 0, (112, 312), (100, 199)),
    measure(("2571-8", "Triglyceride [Mass/volume] in Serum or Plasma"), MG_DL, 0, (48, 360), (40, 149)),
    measure(("2085-9", "Cholesterol in HDL [Mass/volume] in Serum or Plasma"), MG_DL, 0, (26, 92), (40, 90)),
    measure(("18262-6", "Cholesterol in LDL [Mass/volume] in Serum or Plasma by Direct assay"), MG_DL, 0, (48, 218), (50, 129)),
];

#[rustfmt::skip]
const OTHERS: [Measure; 3] = [
    measure(("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood"), PERCENT, 1, (46, 112), (40, 56)),
    measure(("3016-3", "Thyrotropin [Units/volume] in Serum or Plasma"), ("m[IU]/L", "m[IU]/L"), 2, (10, 900), (40, 400)),
    measure(("1988-5", "C reactive protein [Mass/volume] in Serum or Plasma"), ("mg/L", "mg/L"), 1, (1, 860), (0, 50)),
];

/// A medicine as it is prescribed.
#[derive(Clone, Copy, Debug)]
pub struct Drug {
    /// RxNorm.
    pub code: Coding,
    /// Form of a dose, UCUM annotation.
    pub form: (&'static str, &'static str),
    /// Doses a day.
    pub a_day: u64,
    /// Why it is taken: an index into [`CONDITIONS`].
    pub reason: usize,
}

const fn drug(code: &'static str, display: &'static str, a_day: u64, reason: usize) -> Drug {
    Drug { code: Coding { system: RXNORM, code, display }, form: ("tablet", "{tbl}"), a_day, reason }
}

/// Medicines that are often prescribed.
pub const DRUGS: [Drug; 8] = [
    drug("314076", "lisinopril 10 MG Oral Tablet", 1, 0),
    drug("310798", "hydrochlorothiazide 25 MG Oral Tablet", 1, 0),
    drug("197361", "amlodipine 5 MG Oral Tablet", 1, 0),
    drug("861007", "metformin hydrochloride 500 MG Oral Tablet", 2, 1),
    drug("312961", "simvastatin 20 MG Oral Tablet", 1, 2),
    drug("309362", "clopidogrel 75 MG Oral Tablet", 1, 3),
    drug("313782", "acetaminophen 325 MG Oral Tablet", 4, 4),
    drug("310965", "ibuprofen 200 MG Oral Tablet", 3, 4),
];

const fn icd10(code: &'static str, display: &'static str) -> Coding {
    Coding { system: ICD10, code, display }
}

/// Why people come, and what they take medicines for.
pub const CONDITIONS: [Coding; 8] = [
    icd10("I10", "Essential (primary) hypertension"),
    icd10("E11", "Type 2 diabetes mellitus"),
    icd10("E78", "Disorders of lipoprotein metabolism and other lipidaemias"),
    icd10("I25", "Chronic ischaemic heart disease"),
    icd10("R52", "Pain, not elsewhere classified"),
    icd10("J06", "Acute upper respiratory infections of multiple and unspecified sites"),
    icd10("M54", "Dorsalgia"),
    icd10("J45", "Asthma"),
];

/// One of FHIR's or HL7's own concepts.
pub const fn concept(system: &'static str, code: &'static str, display: &'static str) -> Concept {
    Concept(Coding { system, code, display })
}
