import { isOneShot, readDataset } from './dataset/dataset.js';
import type { EngineHost } from './engine/host.js';
import type { Id, SampleData } from './engine/protocol.js';
import { WhittleError, type Code } from './errors.js';
import { completeSample } from './feeds.js';
import type { Dataset, Progress, Sample, ValueInfo } from './types.js';

/** A dataset, or in place of it something that can be read once. */
export type Readable = Dataset | Iterable<Sample> | AsyncIterable<Sample>;

const MISFITS: ReadonlySet<Code> = new Set<Code>(['SHAPE_MISMATCH', 'TYPE_MISMATCH']);

async function* read(data: Readable, inputs: readonly ValueInfo[]): AsyncGenerator<SampleData> {
  let index = 0;
  const samples = isOneShot(data) ? data : readDataset(data);
  for await (const sample of samples) yield completeSample(inputs, sample, index++);
}

/** Lets messages and clicks through; an await alone never would. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** A sample that the model cannot take is the data's fault: the message names the sample. */
function inSample(error: unknown, { id }: SampleData): unknown {
  if (!(error instanceof WhittleError) || !MISFITS.has(error.code)) return error;
  const details = { where: id, cause: error };
  return new WhittleError('INVALID_DATA', `${error.message} (sample ${id})`, details);
}

/**
 * Steps a job to its end, giving it the samples it asks for; returns how many it was given in its
 * longest pass. `report` may throw to stop.
 */
export async function driveJob(
  host: EngineHost,
  job: Id,
  inputs: readonly ValueInfo[],
  data: Readable | undefined,
  report: (progress: Progress) => void,
  limit = Infinity,
): Promise<number> {
  let samples = data && read(data, inputs);
  let answer: SampleData | null | undefined;
  let given = 0;
  let most = 0;
  try {
    for (;;) {
      const status = await host.engine.step(job, answer).catch((error: unknown) => {
        throw answer ? inSample(error, answer) : error;
      });
      answer = undefined;
      report(status.progress);
      if (status.done) return most;
      if (status.wants === 'sample') {
        const next = given < limit ? await samples?.next() : undefined;
        answer = next && !next.done ? next.value : null;
        if (answer) most = Math.max(most, ++given);
      } else if (status.wants === 'rewind') {
        if (data !== undefined && isOneShot(data)) {
          throw new WhittleError(
            'DATA_NOT_REITERABLE',
            `Expected data that can be read again for ${status.progress.stage} but received a one-shot iterable`,
            {
              where: status.progress.stage,
              hint: 'Give an array, or a function that returns a fresh iterable',
            },
          );
        }
        await samples?.return(undefined);
        samples = data && read(data, inputs);
        given = 0;
      }
      if (host.local) await nextTask();
    }
  } finally {
    await samples?.return(undefined);
  }
}
