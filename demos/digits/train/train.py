"""Trains the digit model and writes it as ONNX.

Usage: python demos/digits/train/train.py DATA_DIR OUT.onnx
DATA_DIR holds train.bin and check.bin, both made by dump.mjs from the train split (see README.md).
Needs torch, numpy and onnx. Kept out of set-up and tests.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto, checker, helper, numpy_helper, save
from torch import nn

SEED = 7
EPOCHS = 5
BATCH = 128
PEAK_RATE = 6e-3
SIDE = 28
CHANNELS = (6, 12, 24)  # one block each: 3x3 convolution, batch norm, relu, 2x2 max pool
HIDDEN = 32
LABELS = 10


def load(path):
    """The images of a dump as [n, 1, 28, 28] in [0, 1], and the labels as [n]."""
    records = np.fromfile(path, dtype=np.uint8).reshape(-1, 1 + SIDE * SIDE)
    images = records[:, 1:].astype(np.float32).reshape(-1, 1, SIDE, SIDE) / 255
    return torch.from_numpy(images), torch.from_numpy(records[:, 0].astype(np.int64))


def build():
    """The layers in order, by the names they have in the file."""
    layers = nn.Sequential()
    width = 1
    side = SIDE
    for i, channels in enumerate(CHANNELS, 1):
        layers.add_module(f"conv{i}", nn.Conv2d(width, channels, 3, padding=1, bias=False))
        layers.add_module(f"bn{i}", nn.BatchNorm2d(channels))
        layers.add_module(f"relu{i}", nn.ReLU())
        layers.add_module(f"pool{i}", nn.MaxPool2d(2))
        width = channels
        side //= 2
    layers.add_module("flatten", nn.Flatten())
    layers.add_module("fc1", nn.Linear(width * side * side, HIDDEN))
    layers.add_module("relu_fc1", nn.ReLU())
    layers.add_module("fc2", nn.Linear(HIDDEN, LABELS))
    return layers


def train(model, images, labels):
    """Adam with a one-cycle rate; the loss is cross entropy with slightly softened labels."""
    steps = (len(images) + BATCH - 1) // BATCH
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, EPOCHS * steps)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.02)
    for epoch in range(EPOCHS):
        model.train()
        total = 0.0
        for pick in torch.randperm(len(images)).split(BATCH):
            loss = loss_of(model(images[pick].to(memory_format=torch.channels_last)), labels[pick])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}/{EPOCHS} loss {total / steps:.4f}", flush=True)


def accuracy(model, images, labels):
    model.eval()
    with torch.no_grad():
        right = sum(int((model(x).argmax(1) == y).sum())
                    for x, y in zip(images.split(1000), labels.split(1000)))
    return right / len(images)


def node_for(name, layer, source):
    """The ONNX node and initializers of one layer; the value it makes has the layer's name."""
    def initializers(**arrays):
        return [numpy_helper.from_array(array.detach().numpy(), f"{name}.{key}")
                for key, array in arrays.items()]

    def node(op, weights=(), **attributes):
        inputs = [source] + [weight.name for weight in weights]
        return helper.make_node(op, inputs, [name], name=name, **attributes), list(weights)

    if isinstance(layer, nn.Conv2d):
        return node("Conv", initializers(weight=layer.weight), kernel_shape=[3, 3],
                    pads=[1, 1, 1, 1], strides=[1, 1])
    if isinstance(layer, nn.BatchNorm2d):
        return node("BatchNormalization",
                    initializers(scale=layer.weight, bias=layer.bias, mean=layer.running_mean,
                                 variance=layer.running_var), epsilon=layer.eps)
    if isinstance(layer, nn.MaxPool2d):
        return node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    if isinstance(layer, nn.Flatten):
        return node("Flatten", axis=1)
    if isinstance(layer, nn.Linear):
        return node("Gemm", initializers(weight=layer.weight, bias=layer.bias), transB=1)
    return node("Relu")


def export(model, path):
    """Writes the model at opset 17, batch normalization kept as nodes."""
    nodes, weights = [], []
    source = "image"
    for name, layer in model.named_children():
        node, own = node_for(name, layer, source)
        nodes.append(node)
        weights += own
        source = name
    nodes[-1].output[0] = "logits"
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, SIDE, SIDE])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", LABELS])
    graph = helper.make_graph(nodes, "digits", [image], [logits], weights)
    file = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8,
                             producer_name="whittle-digits")
    checker.check_model(file, full_check=True)
    save(file, path)


def main():
    folder, out = Path(sys.argv[1]), sys.argv[2]
    torch.manual_seed(SEED)
    torch.set_num_threads(1)  # the same sums in the same order on every run
    torch.use_deterministic_algorithms(True)
    model = build().to(memory_format=torch.channels_last)
    print("parameters", sum(p.numel() for p in model.parameters()))
    train(model, *load(folder / "train.bin"))
    print(f"accuracy on unseen images of the train split "
          f"{accuracy(model, *load(folder / 'check.bin')):.4f}")
    model.eval()
    export(model, out)


if __name__ == "__main__":
    main()
