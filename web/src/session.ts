import { acquireEngine, releaseEngine } from './engine/host.js';
import type { EngineHost } from './engine/host.js';
import type { Id, SessionMemory, SessionProfile } from './engine/protocol.js';
import { WhittleError } from './errors.js';
import { completeFeeds } from './feeds.js';
import { checkKeys, expected, isObject } from './is.js';
import { measureLatencies, type Latency } from './latency.js';
import { runLong } from './long.js';
import type { Model } from './model.js';
import { syntheticFeeds } from './dataset/synthetic.js';
import type { Feeds, Long, NamedValues, Tensors, Tier, ValueInfo } from './types.js';

export interface SessionOptions {
  /** Kernels of a lower level than the module's best, for comparison. */
  tier?: Tier;
  /** Record the time of each step for profile(). */
  profile?: boolean;
  /**
   * Outputs fed back, output name to input name: `{ stateN: 'state' }`. Such an input is what the run
   * before left, at first zeros, or whatever you feed; its tensor stays inside the engine, and the
   * output is returned only when `outputs` names it.
   */
  state?: Readonly<Record<string, string>>;
}

export interface RunOptions {
  /** Names of the outputs wanted (default: all). */
  outputs?: readonly string[];
  /** Give the inputs' buffers up instead of copying them. */
  transfer?: boolean;
  signal?: AbortSignal;
}

export interface BenchmarkOptions extends Long {
  /** Samples to take of each session (default 30). A sample is as many runs as last 5 ms. */
  runs?: number;
  /** A second session, measured in turn with this one. */
  against?: Session;
  /** What to run on (default: synthetic inputs). */
  feeds?: Feeds;
}

/** A compiled model, ready to run many times. */
export class Session {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  private disposed = false;

  /** @internal */
  constructor(
    private readonly host: EngineHost,
    private readonly id: Id,
    model: Pick<Model, 'inputs' | 'outputs'>,
    private readonly stateInputs: ReadonlySet<string>,
  ) {
    this.inputs = model.inputs;
    this.outputs = model.outputs;
  }

  /** @internal */
  get handle(): { host: EngineHost; id: Id } {
    if (this.disposed)
      throw new WhittleError('DISPOSED', 'Expected a live session but it was disposed of');
    return { host: this.host, id: this.id };
  }

  /**
   * Runs once. Throws MISSING_INPUT, UNKNOWN_INPUT, UNKNOWN_OUTPUT, TYPE_MISMATCH, SHAPE_MISMATCH.
   * Where outputs are sequences or optionals, say `run<NamedValues>`.
   */
  async run<Results extends NamedValues = Tensors>(
    feeds: Feeds,
    o: RunOptions = {},
  ): Promise<Results> {
    checkKeys(o, ['outputs', 'transfer', 'signal'], 'run');
    const { host, id } = this.handle;
    const complete = completeFeeds(this.inputs, feeds, o.transfer ?? false, this.stateInputs);
    const results = await runLong(o.signal ? { signal: o.signal } : {}, () =>
      host.engine.run(id, complete, o.outputs ?? []),
    );
    return results as Results;
  }

  /** The same in the calling thread; only after configure({worker: false}). */
  runSync<Results extends NamedValues = Tensors>(
    feeds: Feeds,
    o: Pick<RunOptions, 'outputs'> = {},
  ): Results {
    const { host, id } = this.handle;
    if (!host.local) {
      throw new WhittleError(
        'UNSUPPORTED',
        'Expected an engine in the calling thread for runSync but it runs in a worker. Call configure({worker: false}) before loading the model, or use run()',
        { where: 'runSync' },
      );
    }
    const complete = completeFeeds(this.inputs, feeds, true, this.stateInputs);
    return host.local.runNow(id, complete, o.outputs ?? []) as Results;
  }

  /** Forgets what outputs fed back: the next run starts from zeros again. */
  async resetState(): Promise<void> {
    const { host, id } = this.handle;
    await host.engine.resetState(id);
  }

  /** Times runs inside the engine, without the cost of messages; alternates with `against`. */
  async benchmark(o: BenchmarkOptions = {}): Promise<Latency> {
    checkKeys(o, ['runs', 'against', 'feeds', 'signal', 'onProgress'], 'benchmark');
    const runs = o.runs ?? 30;
    if (!Number.isInteger(runs) || runs < 1)
      throw expected('a whole number of at least 1', 'runs', runs);
    const feeds = completeFeeds(this.inputs, o.feeds ?? syntheticFeeds(this.inputs));
    const contenders = [this.handle, ...(o.against ? [o.against.handle] : [])];
    const [own, against] = await measureLatencies(contenders, feeds, runs, o);
    if (!own) throw new RangeError('no session to measure');
    return against ? { ...own, against, ratio: own.medianMs / against.medianMs } : own;
  }

  /** Steps of the last run with their times; needs a session made with profile: true. */
  async profile(): Promise<SessionProfile[]> {
    const { host, id } = this.handle;
    return host.engine.profile(id);
  }

  /** Bytes of packed constants and of the activations' arena. */
  async memory(): Promise<SessionMemory> {
    const { host, id } = this.handle;
    return host.engine.memory(id);
  }

  /** Gives the memory back. May be called twice; any other use afterwards throws DISPOSED. */
  async dispose(): Promise<void> {
    if (this.disposed) return;
    this.disposed = true;
    if (!this.host.dead) await this.host.engine.free(this.id).catch(() => {});
    await releaseEngine();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}

/** Names are checked by the engine, which knows them. */
function checkState(state: Readonly<Record<string, string>>): Record<string, string> {
  const isNames = isObject(state) && Object.values(state).every((n) => typeof n === 'string');
  if (!isNames) throw expected('an object of output names to input names', 'state', state);
  return { ...state };
}

/** Compiles a model. Throws UNSUPPORTED_OPERATOR naming the node, OUT_OF_MEMORY, INVALID_OPTION. */
export async function createSession(model: Model, o: SessionOptions & Long = {}): Promise<Session> {
  checkKeys(o, ['tier', 'profile', 'state', 'signal', 'onProgress'], 'createSession');
  const state = checkState(o.state ?? {});
  const { host, id } = model.handle;
  const tier = o.tier === 'scalar' ? 'reference' : o.tier;
  const options = { ...(tier ? { tier } : {}), profile: o.profile ?? false, state };
  const session = await runLong(o, () => host.engine.createSession(id, options));
  await acquireEngine();
  return new Session(host, session, model, new Set(Object.values(state)));
}
