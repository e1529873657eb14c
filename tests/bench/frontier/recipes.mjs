/** What is tried on every network: ladders of one technique each, from mild to strong, and what is
 * put together of the rungs that held. */

const rungs = (settings, step) => settings.map((value) => [step(value)]);

const channels = (rest) => (ratio) => ({
  technique: 'prune-channels',
  ratio,
  ...rest,
  multiple: 4,
});
const weights = (rest) => (sparsity) => ({ technique: 'prune-weights', sparsity, ...rest });
const factors = (technique, rest) => (ratio) => ({
  technique,
  ratio,
  minimize: 'outputs',
  ...rest,
});
const REBUILT = { criterion: 'reconstruction', reconstruct: true, ridge: 0.1 };

export const LADDERS = {
  'prune-channels': rungs([0.125, 0.25, 0.5], channels(REBUILT)),
  'prune-weights': rungs([0.3, 0.5, 0.7, 0.9], weights({ method: 'sparsegpt' })),
  svd: rungs([0.8, 0.6, 0.4, 0.25], factors('svd')),
  tucker: rungs([0.8, 0.6, 0.4], factors('tucker')),
  'spatial-svd': rungs([0.8, 0.6, 0.4], factors('spatial-svd')),
  cp: rungs([0.8, 0.5], factors('cp', { starts: 1 })),
};

/** To compare with: they take no part in combinations. */
export const CONTROLS = {
  'channels cut': rungs([0.125, 0.25], channels({})),
  'weights cut': rungs([0.3, 0.5], weights({})),
};

/** Static int8; of recurrent networks the weights alone. */
export const integers = (recurrent) =>
  recurrent
    ? [{ technique: 'quantize-weights' }]
    : [
        { technique: 'equalize', typical: 0.5 },
        { technique: 'quantize-static', calibrator: 'mse' },
        { technique: 'bias-correct' },
      ];

const FACTORS = ['svd', 'tucker', 'spatial-svd', 'cp'];

/** Of the strongest rungs that held, {name: row}: the factorization that saved most MACs behind
 * pruned channels, and each of the best with int8. */
export function combinations(held, recurrent) {
  const { 'prune-channels': pruned, 'prune-weights': sparse } = held;
  const [factored] = FACTORS.filter((name) => name in held)
    .map((name) => held[name])
    .sort((a, b) => a.macs - b.macs);
  const found = [pruned, factored, sparse].filter(Boolean).map(({ steps }) => steps);
  const alone = found.map((steps) => [...steps, ...integers(recurrent)]);
  if (!pruned || !factored) return alone;
  const both = [...pruned.steps, ...factored.steps];
  return [...alone, both, [...both, ...integers(recurrent)]];
}

/** What the digits model has to reach: half of its parameters and of its multiply-accumulates. */
export const HALF = [
  {
    technique: 'prune-channels',
    keepParameters: 0.5,
    ...REBUILT,
    multiple: 1,
    minChannels: 3,
    samples: 0,
  },
];
