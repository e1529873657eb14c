/** Every error code with its meaning. */
export const CODES = {
  /** The bytes are not an ONNX model; the message says what they look like. */
  NOT_A_MODEL: "The bytes are not an ONNX model; the message says what they look like.",
  /** The ONNX file is damaged or breaks the specification. */
  INVALID_MODEL: "The ONNX file is damaged or breaks the specification.",
  /** The model keeps weights in other files that were not given. */
  EXTERNAL_DATA_MISSING: "The model keeps weights in other files that were not given.",
  /** No implementation exists for an operator the run needs. */
  UNSUPPORTED_OPERATOR: "No implementation exists for an operator the run needs.",
  /** An operator has no implementation for this element type. */
  UNSUPPORTED_TYPE: "An operator has no implementation for this element type.",
  /** A valid request that this version cannot serve. */
  UNSUPPORTED: "A valid request that this version cannot serve.",
  /** The graph is inconsistent: a cycle, an undefined or a doubly defined value. */
  INVALID_GRAPH: "The graph is inconsistent: a cycle, an undefined or a doubly defined value.",
  /** A tensor's shape differs from what is expected. */
  SHAPE_MISMATCH: "A tensor's shape differs from what is expected.",
  /** A tensor's element type differs from what is expected. */
  TYPE_MISMATCH: "A tensor's element type differs from what is expected.",
  /** A required model input was not fed. */
  MISSING_INPUT: "A required model input was not fed.",
  /** A fed name is not an input of the model. */
  UNKNOWN_INPUT: "A fed name is not an input of the model.",
  /** A requested name is not an output of the model. */
  UNKNOWN_OUTPUT: "A requested name is not an output of the model.",
  /** An option is unknown, of the wrong type or out of range. */
  INVALID_OPTION: "An option is unknown, of the wrong type or out of range.",
  /** The recipe is malformed or its steps do not fit together. */
  INVALID_RECIPE: "The recipe is malformed or its steps do not fit together.",
  /** A recipe step names a technique that does not exist. */
  UNKNOWN_TECHNIQUE: "A recipe step names a technique that does not exist.",
  /** A layer selector matches nothing. */
  NO_SUCH_LAYER: "A layer selector matches nothing.",
  /** The model is quantized already; quantizing again would only lose. */
  ALREADY_QUANTIZED: "The model is quantized already; quantizing again would only lose.",
  /** A step needs calibration data and none was given. */
  CALIBRATION_REQUIRED: "A step needs calibration data and none was given.",
  /** A sample of the dataset does not fit the model, or has no finite values. */
  INVALID_DATA: "A sample of the dataset does not fit the model, or has no finite values.",
  /** The dataset has no samples. */
  EMPTY_DATA: "The dataset has no samples.",
  /** A step needs a second pass over a dataset that can be read once. */
  DATA_NOT_REITERABLE: "A step needs a second pass over a dataset that can be read once.",
  /** The original model does badly on the data: the preprocessing is probably wrong. */
  PREPROCESSING_SUSPECT: "The original model does badly on the data: the preprocessing is probably wrong.",
  /** The compressed model misses the accuracy bound. */
  GATE_FAILED: "The compressed model misses the accuracy bound.",
  /** A size in the file or the request is beyond a stated limit. */
  LIMIT_EXCEEDED: "A size in the file or the request is beyond a stated limit.",
  /** Memory ran out. */
  OUT_OF_MEMORY: "Memory ran out.",
  /** The caller cancelled. */
  CANCELLED: "The caller cancelled.",
  /** The object was disposed of. */
  DISPOSED: "The object was disposed of.",
  /** The WebAssembly module trapped; it is restarted on the next call. */
  CRASHED: "The WebAssembly module trapped; it is restarted on the next call.",
  /** A file or an address could not be read. */
  LOAD_FAILED: "A file or an address could not be read.",
  /** A file could not be written. */
  WRITE_FAILED: "A file could not be written.",
  /** A defect in Whittle itself; please report it. */
  INTERNAL: "A defect in Whittle itself; please report it.",
} as const;

export type Code = keyof typeof CODES;
