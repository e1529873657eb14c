import { readFile } from 'node:fs/promises';

import type { Gate } from '../compare.js';
import { presetRecipe, type Preset } from '../compress.js';
import { WhittleError } from '../errors.js';
import type { Recipe } from '../generated/recipe.js';
import { didYouMean } from '../is.js';
import type { Model } from '../model.js';
import { techniques, type Technique, type TechniqueOption } from '../techniques.js';
import type { Flag, Values } from './command.js';

const PRESETS: readonly string[] = ['safest', 'smallest', 'fastest', 'balanced'];

export const GATE_FLAGS: Readonly<Record<string, Flag>> = {
  'min-agreement': {
    value: 'SHARE',
    doc: 'least share of samples with the same top-1 answer (0.98)',
  },
  'max-drop': { value: 'SHARE', doc: 'most accuracy lost against labels (0.01)' },
  'min-sqnr': { value: 'DB', doc: 'least signal to quantization noise ratio of every output' },
};

export const RECIPE_FLAGS: Readonly<Record<string, Flag>> = {
  recipe: { value: 'FILE', doc: 'recipe as JSON' },
  preset: { value: 'NAME', doc: `one of ${PRESETS.join(', ')}` },
  step: {
    value: 'STEPS',
    doc: 'techniques in order with their options: "svd energy=0.98, fp16"',
  },
  seed: { value: 'N', doc: 'seed of every random choice and of the data split (default 0)' },
  target: { value: 'NAME', doc: 'whittle, ort-web or ort-node' },
  ...GATE_FLAGS,
};

/** The gate that the flags ask for. */
export function gateOf(values: Values): Gate {
  const [minAgreement, maxDrop, minSqnrDb] = [
    values.number('min-agreement'),
    values.number('max-drop'),
    values.number('min-sqnr'),
  ];
  return {
    ...(minAgreement === undefined ? {} : { minAgreement }),
    ...(maxDrop === undefined ? {} : { maxDrop }),
    ...(minSqnrDb === undefined ? {} : { minSqnrDb }),
  };
}

function optionValue(option: TechniqueOption, text: string, where: string): unknown {
  if (option.type === 'boolean') return text === 'true' || text === '';
  if (option.type === 'list') return text.split('+');
  if (option.type !== 'number' && option.type !== 'integer') return text;
  const number = Number(text);
  if (text === '' || Number.isNaN(number)) {
    throw new WhittleError(
      'INVALID_OPTION',
      `Expected a number for ${where} but received '${text}'`,
      { where },
    );
  }
  return number;
}

function findTechnique(name: string): Technique {
  const found = techniques().find((technique) => technique.name === name);
  if (found) return found;
  const names = techniques().map((technique) => technique.name);
  throw new WhittleError(
    'UNKNOWN_TECHNIQUE',
    `Expected one of ${names.join(', ')} for --step but received '${name}'${didYouMean(name, names)}`,
    { where: '--step' },
  );
}

/** "svd energy=0.98 layers=/head/*, fp16" as recipe steps; option types come from the schema. */
export function parseSteps(text: string): Recipe['steps'] {
  const steps = text.split(',').map((part) => {
    const [name = '', ...assignments] = part.trim().split(/\s+/);
    const technique = findTechnique(name);
    const step: Record<string, unknown> = { technique: name };
    for (const assignment of assignments) {
      const [key = '', value = ''] = assignment.split(/=(.*)/s);
      if (key === 'layers') {
        step['layers'] = value.split('+').map((glob) => ({ name: glob }));
        continue;
      }
      const option = technique.options.find((candidate) => candidate.name === key);
      if (!option) {
        const names = technique.options.map((candidate) => candidate.name);
        const message = `Expected an option of ${name} (${names.join(', ')}) but received '${key}'${didYouMean(key, names)}`;
        throw new WhittleError('INVALID_OPTION', message, { where: `--step ${name}` });
      }
      step[key] = optionValue(option, value, `--step ${name} ${key}`);
    }
    return step;
  });
  return steps as unknown as Recipe['steps'];
}

async function readRecipe(file: string): Promise<Recipe> {
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new WhittleError(
      'LOAD_FAILED',
      `Expected a recipe at ${file} but it could not be read: ${cause.message}`,
      { where: file },
    );
  });
  try {
    return JSON.parse(text) as Recipe;
  } catch (cause) {
    throw new WhittleError(
      'INVALID_RECIPE',
      `Expected JSON in ${file} but ${(cause as Error).message}`,
      { where: file, cause },
    );
  }
}

/** The recipe that the flags ask for on this model: a file, steps, or what a preset stands for. */
export async function recipeOf(values: Values, model: Model): Promise<Recipe> {
  const ways = ['recipe', 'preset', 'step'].filter((flag) => values.text(flag) !== undefined);
  const [way] = ways;
  if (ways.length !== 1 || !way) {
    const received = ways.length === 0 ? 'none' : ways.map((name) => `--${name}`).join(' and ');
    const message = `Expected one of --recipe, --preset or --step but received ${received}`;
    throw new WhittleError('INVALID_OPTION', message, { where: '--recipe' });
  }
  const given = values.text(way) ?? '';
  const base = await {
    recipe: () => readRecipe(given),
    preset: () => presetRecipe(model, given as Preset, values.text('data') !== undefined),
    step: async (): Promise<Recipe> => ({ whittle: 1, steps: parseSteps(given) }),
  }[way as 'recipe' | 'preset' | 'step']();
  const seed = values.number('seed');
  const target = values.text('target') as Recipe['target'];
  const gate = { ...base.gate, ...gateOf(values) };
  return {
    ...base,
    ...(seed === undefined ? {} : { seed }),
    ...(target === undefined ? {} : { target }),
    ...(Object.keys(gate).length === 0 ? {} : { gate }),
  };
}
