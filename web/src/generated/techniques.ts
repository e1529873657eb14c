import type { Technique } from '../techniques.js';

export const techniqueSchema: readonly Technique[] = [
  {
    "name": "fp16",
    "needsData": false,
    "needsLabels": false,
    "notAfter": [],
    "ops": [
      "Conv",
      "ConvTranspose",
      "Gemm",
      "MatMul",
      "LSTM",
      "GRU",
      "RNN",
      "Gather",
      "Add",
      "Mul",
      "PRelu"
    ],
    "optionalOps": [],
    "options": [
      {
        "default": false,
        "doc": "make every value inside the model float16 too, with casts at its inputs and outputs",
        "name": "graph",
        "perLayer": false,
        "type": "boolean"
      }
    ],
    "summary": "16-bit float weights; arithmetic stays 32-bit unless a float16 graph is asked for"
  },
  {
    "name": "quantize-dynamic",
    "needsData": false,
    "needsLabels": false,
    "notAfter": [
      "palettize",
      "fp16"
    ],
    "ops": [
      "MatMul",
      "Gemm",
      "LSTM",
      "GRU",
      "RNN",
      "Gather"
    ],
    "optionalOps": [
      "Conv"
    ],
    "options": [
      {
        "default": false,
        "doc": "make convolutions integer as well (ConvInteger)",
        "name": "convolutions",
        "perLayer": false,
        "type": "boolean"
      },
      {
        "choices": [
          "weights",
          "dynamic"
        ],
        "default": "weights",
        "doc": "\"weights\": 8-bit weights, float arithmetic; \"dynamic\": com.microsoft.DynamicQuantizeLSTM",
        "name": "lstm",
        "perLayer": true,
        "type": "choice"
      }
    ],
    "summary": "integer matrix products whose activation ranges are found at run time, 8-bit weights for recurrent layers and embeddings; no data is needed"
  },
  {
    "name": "quantize-static",
    "needsData": true,
    "needsLabels": false,
    "notAfter": [
      "quantize-*",
      "fp16",
      "palettize"
    ],
    "ops": [
      "Conv",
      "Gemm",
      "MatMul"
    ],
    "optionalOps": [],
    "options": [
      {
        "choices": [
          "u8",
          "s8"
        ],
        "default": "u8",
        "doc": "type of the activations: unsigned or signed 8 bit",
        "name": "activations",
        "perLayer": false,
        "type": "choice"
      },
      {
        "choices": [
          "channel",
          "tensor"
        ],
        "default": "channel",
        "doc": "one weight scale per output channel, or one per tensor",
        "name": "weights",
        "perLayer": false,
        "type": "choice"
      },
      {
        "choices": [
          "minmax"
        ],
        "default": "minmax",
        "doc": "how ranges follow from the samples: \"minmax\" takes the extremes",
        "name": "calibrator",
        "perLayer": false,
        "type": "choice"
      },
      {
        "default": 128,
        "doc": "most calibration samples to look at; 0 takes all",
        "min": 0,
        "name": "samples",
        "perLayer": false,
        "type": "integer"
      },
      {
        "choices": [
          "int8",
          "float"
        ],
        "default": "int8",
        "doc": "whether the first and the last layer become integer too, or stay float",
        "name": "firstLast",
        "perLayer": false,
        "type": "choice"
      },
      {
        "doc": "activation ranges by value name, as a report writes them; no data is needed then",
        "name": "ranges",
        "perLayer": false,
        "type": "ranges"
      }
    ],
    "summary": "integer convolutions and matrix products with activation ranges measured on calibration data"
  },
  {
    "name": "quantize-weights",
    "needsData": false,
    "needsLabels": false,
    "notAfter": [
      "palettize"
    ],
    "ops": [
      "Conv",
      "ConvTranspose",
      "Gemm",
      "MatMul",
      "LSTM",
      "GRU",
      "RNN",
      "Gather"
    ],
    "optionalOps": [],
    "options": [],
    "summary": "8-bit weights, one scale per output channel; arithmetic stays float and no data is needed"
  },
  {
    "name": "round-for-compression",
    "needsData": false,
    "needsLabels": false,
    "notAfter": [
      "quantize-*",
      "fp16",
      "palettize"
    ],
    "ops": [
      "Conv",
      "ConvTranspose",
      "Gemm",
      "MatMul",
      "LSTM",
      "GRU",
      "RNN",
      "Gather"
    ],
    "optionalOps": [],
    "options": [
      {
        "default": 36,
        "doc": "signal-to-noise ratio every slice of a weight keeps; lower is smaller",
        "max": 120,
        "min": 6,
        "name": "sqnr",
        "perLayer": true,
        "type": "number",
        "unit": "dB"
      },
      {
        "choices": [
          "grid",
          "mantissa"
        ],
        "default": "grid",
        "doc": "\"grid\": multiples of a power of two per slice; \"mantissa\": fewer mantissa bits",
        "name": "method",
        "perLayer": true,
        "type": "choice"
      }
    ],
    "summary": "round float weights to few distinct values, so that gzip and brotli shrink the file; no operator changes"
  },
  {
    "name": "simplify",
    "needsData": false,
    "needsLabels": false,
    "notAfter": [],
    "ops": [],
    "optionalOps": [],
    "options": [],
    "summary": "fold constants and batch normalisations, drop nodes that do nothing"
  },
  {
    "name": "svd",
    "needsData": false,
    "needsLabels": false,
    "notAfter": [
      "fp16",
      "quantize-*",
      "palettize",
      "round-for-compression"
    ],
    "ops": [
      "Gemm",
      "MatMul"
    ],
    "optionalOps": [],
    "options": [
      {
        "default": 0.95,
        "doc": "share of the squared singular values to keep; chooses the rank of each layer",
        "max": 1,
        "min": 0,
        "name": "energy",
        "perLayer": true,
        "type": "number"
      },
      {
        "doc": "fixed rank, in place of energy",
        "min": 1,
        "name": "rank",
        "perLayer": true,
        "type": "integer"
      },
      {
        "doc": "share of the layer's parameters to keep, in place of energy",
        "max": 1,
        "min": 0,
        "name": "ratio",
        "perLayer": true,
        "type": "number"
      },
      {
        "default": true,
        "doc": "leave a layer alone when two factors would hold as many numbers as one",
        "name": "breakEven",
        "perLayer": true,
        "type": "boolean"
      }
    ],
    "summary": "replace a matrix product by two thinner ones (truncated SVD)"
  }
];
