"""Static quantization by onnxruntime.quantization, for the comparison.

peer.py MODEL INPUTS.npy OUTPUT METHOD GRANULARITY
  INPUTS.npy: [samples, ...], fed one sample at a time to the model's only input
  METHOD: minmax, entropy or percentile; GRANULARITY: channel or tensor

QDQ, unsigned 8-bit activations, signed 8-bit weights, after its own preprocessing.
"""

import logging
import os
import sys
import tempfile

import numpy
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization import calibrate
from onnxruntime.quantization.shape_inference import quant_pre_process

METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}
# Its histograms keep every activation of the samples collected at once; this many at a time.
SAMPLES_AT_ONCE = 10


class Reader(CalibrationDataReader):
    def __init__(self, name, samples):
        self.name = name
        self.samples = samples
        self.next = 0

    def get_next(self):
        if self.next == len(self.samples):
            return None
        self.next += 1
        return {self.name: self.samples[self.next - 1 : self.next]}


def collect_in_parts(collect):
    def collected(calibrator, reader):
        for start in range(0, len(reader.samples), SAMPLES_AT_ONCE):
            collect(calibrator, Reader(reader.name, reader.samples[start : start + SAMPLES_AT_ONCE]))

    return collected


def main(model, inputs, output, method, granularity):
    logging.disable(logging.WARNING)
    for kind in (calibrate.MinMaxCalibrater, calibrate.HistogramCalibrater):
        kind.collect_data = collect_in_parts(kind.collect_data)
    name = onnx.load(model).graph.input[0].name
    with tempfile.TemporaryDirectory() as folder:
        prepared = os.path.join(folder, "prepared.onnx")
        quant_pre_process(model, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            output,
            Reader(name, numpy.load(inputs)),
            quant_format=QuantFormat.QDQ,
            per_channel=granularity == "channel",
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=METHODS[method],
        )


main(*sys.argv[1:])
