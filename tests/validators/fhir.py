"""FHIR R4 resources against PyPI `fhirkit-rs`: `fhir.py FILE.ndjson [STEP]`, as fhir.cjs."""

import json
import sys

import fhirkit


def problems(text):
    try:
        issues = fhirkit.validate(text)
    except Exception as error:  # what it cannot parse it raises
        return [str(error)]
    return [str(issue) for issue in issues or []]


def main(file, step=1):
    total, failures, missed, first = 0, 0, 0, {}
    with open(file, encoding="utf-8") as lines:
        for number, text in enumerate(lines, 1):
            kind = json.loads(text)["resourceType"]
            if kind in first and number % step != 0:
                continue
            first.setdefault(kind, text)
            total += 1
            found = problems(text)
            if found:
                failures += 1
                if failures <= 10:
                    print(f"fhirkit: line {number}, {kind}: {found[:3]}", file=sys.stderr)
    for kind, text in first.items():
        damaged = json.loads(text)
        damaged["id"] = ["not", "a", "text"]
        if not problems(json.dumps(damaged)):
            missed += 1
            print(f"fhirkit: accepts a damaged {kind}", file=sys.stderr)
    print(f"fhirkit: {total} resources of {len(first)} types, {failures} errors, {missed} damages missed")
    return 1 if total == 0 or failures + missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1))
