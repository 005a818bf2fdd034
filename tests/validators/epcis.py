"""Hashes of EPCIS events by PyPI `epcis_event_hash_generator`: `epcis.py FILE.ndjson [STEP]`, as epcis.cjs."""

import json
import sys

from epcis_event_hash_generator import hash_generator, json_to_py


def hashes(document):
    return hash_generator.epcis_hashes_from_events(json_to_py.event_list_from_epcis_document_json(document))


def main(file, step=1):
    events, failures, first = 0, 0, None
    with open(file, encoding="utf-8") as lines:
        for number, text in enumerate(lines, 1):
            if first is not None and number % step != 0:
                continue
            first = first or text
            document = json.loads(text)
            # Version 1.9.3 puts lists of sources and destinations among the extensions, sorted: destinations first. CBV
            # 2.0 and epcis2.js have them in their own place, sources first. So those events are left to epcis2.js.
            body = document["epcisBody"]
            body["eventList"] = [event for event in body["eventList"] if "sourceList" not in event]
            names = [event["eventID"] for event in body["eventList"]]
            events += len(names)
            for name, found in zip(names, hashes(document), strict=True):
                if name != found:
                    failures += 1
                    if failures <= 3:
                        print(f"line {number}: {name} hashes to {found}", file=sys.stderr)
    damaged = json.loads(first)
    damaged["epcisBody"]["eventList"][0]["action"] = "DELETE"
    missed = int(hashes(damaged)[0] == damaged["epcisBody"]["eventList"][0]["eventID"])
    print(f"epcis_event_hash_generator: {events} events, {failures} errors, {missed} damages missed")
    return 1 if events == 0 or failures + missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1))
