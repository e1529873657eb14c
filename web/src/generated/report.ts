/**
 * @minItems 2
 * @maxItems 2
 *
 * This interface was referenced by `Report`'s JSON-Schema
 * via the `definition` "Interval".
 */
export type Interval = [number, number];

/**
 * What one recipe did to one model: sizes, speed, fidelity, and everything needed to repeat it.
 */
export interface Report {
  /**
   * Version of this format.
   */
  report: 1;
  tool: {
    name: string;
    version: string;
  };
  /**
   * ISO 8601, UTC.
   */
  date: string;
  environment: Environment;
  /**
   * File name of the original.
   */
  model: string;
  /**
   * Repeats the result bit by bit, without data; null when two given files were compared.
   */
  recipe: {
    [k: string]: unknown;
  } | null;
  original: Measures;
  compressed: Measures;
  steps: Step[];
  data: {
    /**
     * Samples that steps looked at.
     */
    calibration: number;
    /**
     * Samples the fidelity was measured on.
     */
    evaluation: number;
    /**
     * The samples were made up: nothing here is accuracy.
     */
    synthetic: boolean;
    /**
     * Some samples served for both: the fidelity flatters.
     */
    overlap: boolean;
  };
  evaluation: Evaluation | null;
  /**
   * The caller's own measure.
   */
  metric: {
    original: number;
    compressed: number;
  } | null;
  gate: GateResult | null;
  warnings: string[];
}
/**
 * This interface was referenced by `Report`'s JSON-Schema
 * via the `definition` "Environment".
 */
export interface Environment {
  /**
   * JavaScript engine and version.
   */
  runtime: string;
  tier: string;
  threads: number;
  /**
   * Null where the platform does not say.
   */
  cpu: string | null;
}
/**
 * This interface was referenced by `Report`'s JSON-Schema
 * via the `definition` "Measures".
 */
export interface Measures {
  bytes: {
    raw: number;
    gzip: number;
    /**
     * Null where the platform has no brotli.
     */
    brotli: number | null;
  };
  parameters: number;
  /**
   * Multiply-accumulates of one run, unknown dimensions as 1.
   */
  macs: number;
  nodes: number;
  opset: number;
  latency: {
    medianMs: number;
    p95Ms: number;
    minMs: number;
    samples: number;
    runsPerSample: number;
  } | null;
  /**
   * Bytes held by a session.
   */
  memory: {
    constants: number;
    arena: number;
  } | null;
}
/**
 * This interface was referenced by `Report`'s JSON-Schema
 * via the `definition` "Step".
 */
export interface Step {
  technique: string;
  /**
   * False: it did not pay and was undone.
   */
  kept: boolean;
  /**
   * Why it was undone.
   */
  undone?: string;
  layers: {
    touched: number;
    total: number;
    reasons: {
      reason: string;
      count: number;
      layers?: string[];
      [k: string]: unknown;
    }[];
    [k: string]: unknown;
  };
  warnings?: string[];
  [k: string]: unknown;
}
/**
 * This interface was referenced by `Report`'s JSON-Schema
 * via the `definition` "Evaluation".
 */
export interface Evaluation {
  samples: number;
  synthetic: boolean;
  outputs: OutputFidelity[];
  accuracy?: {
    original: number;
    compressed: number;
    drop: number;
    labelled: number;
    originalInterval?: Interval;
    compressedInterval?: Interval;
    dropInterval?: Interval;
    [k: string]: unknown;
  };
  /**
   * Samples whose answer differs.
   */
  changed: number;
  worst: {
    id: string;
    index: number;
    sqnrDb?: number | null;
    changed?: boolean;
    [k: string]: unknown;
  }[];
  [k: string]: unknown;
}
/**
 * This interface was referenced by `Report`'s JSON-Schema
 * via the `definition` "OutputFidelity".
 */
export interface OutputFidelity {
  name: string;
  kind: "values" | "classes" | "pixels";
  /**
   * Null when the outputs are equal.
   */
  sqnrDb: number | null;
  cosine: number | null;
  maxError: number | null;
  agreement?: {
    top1: number;
    top5?: number | null;
    changed: number;
    interval: Interval;
    [k: string]: unknown;
  };
  kl?: number | null;
  pixelAgreement?: number | null;
  [k: string]: unknown;
}
/**
 * This interface was referenced by `Report`'s JSON-Schema
 * via the `definition` "GateResult".
 */
export interface GateResult {
  pass: boolean;
  checks: {
    name: string;
    bound: number;
    value?: number | null;
    pessimistic?: number | null;
    pass: boolean;
    samplesNeeded?: number;
    text: string;
    [k: string]: unknown;
  }[];
  [k: string]: unknown;
}
/**
 * Several recipes tried on one model: what report.json holds.
 *
 * This interface was referenced by `Report`'s JSON-Schema
 * via the `definition` "ReportSet".
 */
export interface ReportSet {
  /**
   * Version of this format.
   */
  reportSet: 1;
  reports: NamedReport[];
}
/**
 * One recipe's result under the name its row has.
 *
 * This interface was referenced by `Report`'s JSON-Schema
 * via the `definition` "NamedReport".
 */
export interface NamedReport {
  name: string;
  report: Report;
}
