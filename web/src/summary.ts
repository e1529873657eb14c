import type { ValueInfo } from './types.js';

/** One node that holds parameters or multiplies. */
export interface LayerSummary {
  name: string;
  op: string;
  /** Name of the first output. */
  output: string;
  /** Its shape, "[1,64,56,56]", unknown dimensions as 1; empty when the rank is unknown. */
  shape: string;
  parameters: number;
  bytes: number;
  macs: number;
}

/** What a model is made of. */
export interface Summary {
  name: string;
  producer: string;
  opset: number;
  inputs: readonly ValueInfo[];
  outputs: readonly ValueInfo[];
  nodes: number;
  /** How many nodes of each operator. */
  operators: Record<string, number>;
  /** Operators this version cannot run, with a node of each. */
  unsupported: readonly { op: string; count: number; example: string }[];
  parameters: number;
  weightBytes: number;
  macs: number;
  /** False when some shape depends on data. */
  macsKnown: boolean;
  weightTypes: Record<string, number>;
  quantized: boolean;
  layers: readonly LayerSummary[];
}
