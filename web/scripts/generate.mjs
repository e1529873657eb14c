/**
 * Writes web/src/generated/ from the one place each fact lives in:
 *   codes.ts        core/base/error_codes.inc
 *   report.ts       web/schema/report.schema.json
 *   techniques.ts   the options the techniques declare, asked of the built module
 *   recipe.ts       the same as types
 *   version.ts      web/package.json
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { compile } from 'json-schema-to-typescript';

const web = new URL('../', import.meta.url);
const root = new URL('../', web);
const generated = new URL('src/generated/', web);

const write = (name, text) => writeFile(new URL(name, generated), text);

async function codes() {
  const source = await readFile(new URL('core/base/error_codes.inc', root), 'utf8');
  const rows = [...source.matchAll(/^WHITTLE_ERROR\((\w+), "(.*)"\)$/gm)];
  const lines = rows.map(
    ([, code, meaning]) => `  /** ${meaning} */\n  ${code}: ${JSON.stringify(meaning)},`,
  );
  await write(
    'codes.ts',
    `/** Every error code with its meaning. */\nexport const CODES = {\n${lines.join('\n')}\n} as const;\n\nexport type Code = keyof typeof CODES;\n`,
  );
}

async function report() {
  const schema = JSON.parse(await readFile(new URL('schema/report.schema.json', web), 'utf8'));
  const types = await compile(schema, 'Report', {
    bannerComment: '',
    unreachableDefinitions: true,
    additionalProperties: true,
  });
  await write('report.ts', types);
}

async function techniqueSchema() {
  const module = new URL('build/wasm/whittle-simd128.mjs', root);
  const { default: create } = await import(module.href).catch(() => {
    throw new Error('build/wasm/whittle-simd128.mjs is missing: run "npm run build:wasm" first');
  });
  return JSON.parse((await create({})).techniqueSchema());
}

const camelInterface = (name) =>
  name.replace(/(^|-)(\w)/g, (_, __, letter) => letter.toUpperCase());

function optionType(option) {
  if (option.type === 'choice')
    return option.choices.map((choice) => JSON.stringify(choice)).join(' | ');
  if (option.type === 'list')
    return `readonly (${option.choices.map((choice) => JSON.stringify(choice)).join(' | ')})[]`;
  if (option.choices) return option.choices.join(' | ');
  return {
    number: 'number',
    integer: 'number',
    boolean: 'boolean',
    text: 'string',
    ranges: 'Record<string, readonly [number, number]>',
    numbers: 'readonly number[]',
    texts: 'Record<string, string>',
  }[option.type];
}

function optionDoc(option) {
  const bounds = [option.min, option.max].map((bound) => bound ?? '');
  const range = bounds.every((bound) => bound === '')
    ? ''
    : ` ${bounds.filter((bound) => bound !== '').join(' to ')}${bounds[1] === '' ? ' or more' : ''}.`;
  const unit = option.unit ? ` In ${option.unit}.` : '';
  const fallback =
    (option.default ?? null) === null ? '' : ` Default ${JSON.stringify(option.default)}.`;
  const doc = `${option.doc[0].toUpperCase()}${option.doc.slice(1)}.`;
  return `${doc}${unit}${range}${fallback}`.replace(/\*\//g, '* /');
}

function stepInterface(technique) {
  const fields = technique.options.map(
    (option) =>
      `  /** ${optionDoc(option)} */\n  ${JSON.stringify(option.name)}?: ${optionType(option)};`,
  );
  const name = `${camelInterface(technique.name)}Options`;
  return {
    name,
    text: `export interface ${name} {\n${fields.join('\n')}\n}\n`,
    step: `({ technique: '${technique.name}' } & ${name} & StepBase<${name}>)`,
  };
}

async function recipe(schema) {
  const steps = schema.map(stepInterface);
  await write(
    'techniques.ts',
    `import type { Technique } from '../techniques.js';\n\nexport const techniqueSchema: readonly Technique[] = ${JSON.stringify(schema, null, 2)};\n`,
  );
  await write(
    'recipe.ts',
    `import type { Gate } from '../compare.js';
import type { ImageInput } from '../dataset/preprocess.js';

/** Picks layers and may override the step's options for them; later rules win. */
export type LayerRule<Options> = Partial<Options> & {
  /** Glob over original names. */
  name?: string;
  op?: string;
  index?: number;
  skip?: boolean;
};

export interface StepBase<Options> {
  layers?: readonly LayerRule<Options>[];
  /** Keep the step even when it makes the file larger. */
  keep?: boolean;
}

${steps.map((step) => step.text).join('\n')}
export type Step =
${steps.map((step) => `  | ${step.step}`).join('\n')};

/** What to do to a model, as data. */
export interface Recipe {
  whittle: 1;
  /** Default 0. */
  seed?: number;
  target?: 'whittle' | 'ort-web' | 'ort-node';
  /** How samples are made from images; read by the command line and the page. */
  input?: { image: Partial<ImageInput> };
  gate?: Gate;
  steps: readonly Step[];
}
`,
  );
}

async function version() {
  const { version: number } = JSON.parse(await readFile(new URL('package.json', web), 'utf8'));
  await write('version.ts', `export const version = '${number}';\n`);
}

await mkdir(generated, { recursive: true });
await Promise.all([codes(), report(), version(), techniqueSchema().then(recipe)]);
