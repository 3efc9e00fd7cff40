"""The trained networks as one ONNX graph, built node by node: no exporter decides what is in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from training.networks import OUTPUTS, Network
from veedor.images.glyph import SIDE

__all__ = ["graph_of"]

OPSET = 17
FORMAT = 8
"""Versions old enough for every onnxruntime that the package admits."""


def _folded(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[NDArray, NDArray]:
    """Weights and bias of a convolution with its batch normalisation multiplied in."""
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight = convolution.weight * factor[:, None, None, None]
    return weight.detach().numpy(), (norm.bias - norm.running_mean * factor).detach().numpy()


class _Builder:
    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, kind: str, inputs: Sequence[str], **attributes) -> str:
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, value: NDArray) -> str:
        """A weight, kept in half precision: half the size, and the same readings."""
        name = f"weight{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(value.astype(np.float16), name))
        return self.add("Cast", [name], to=TensorProto.FLOAT)


def _member(build: _Builder, network: Network, flow: str) -> str:
    """The nodes of one network."""
    layers = [*network.trunk, *network.head]
    for k, layer in enumerate(layers):
        if isinstance(layer, nn.Conv2d):
            inputs = [flow, *(build.constant(w) for w in _folded(layer, layers[k + 1]))]
            pads, strides = [layer.padding[0]] * 4, list(layer.stride)
            flow = build.add("Conv", inputs, pads=pads, strides=strides)
        elif isinstance(layer, nn.ReLU):
            flow = build.add("Relu", [flow])
        elif isinstance(layer, nn.MaxPool2d):
            flow = build.add("MaxPool", [flow], kernel_shape=[2, 2], strides=[2, 2])
        elif isinstance(layer, nn.Flatten):
            flow = build.add("Flatten", [flow])
        elif isinstance(layer, nn.Linear):
            weights = [build.constant(w.detach().numpy()) for w in (layer.weight, layer.bias)]
            flow = build.add("Gemm", [flow, *weights], transB=1)
    return flow


def graph_of(networks: Sequence[Network]) -> onnx.ModelProto:
    """One graph: glyphs (n, 40, 40) uint8 -> logits (n, networks, OUTPUTS) float32."""
    build = _Builder()
    black = build.constant(np.array(255.0))
    flow = build.add("Div", [build.add("Cast", ["glyphs"], to=TensorProto.FLOAT), black])
    build.weights.append(numpy_helper.from_array(np.array([1], np.int64), "one"))
    flow = build.add("Unsqueeze", [flow, "one"])
    members = [
        build.add("Unsqueeze", [_member(build, network.eval(), flow), "one"])
        for network in networks
    ]
    last = build.add("Concat", members, axis=1)
    build.nodes.append(helper.make_node("Identity", [last], ["logits"]))
    glyphs = helper.make_tensor_value_info("glyphs", TensorProto.UINT8, ["n", SIDE, SIDE])
    logits = helper.make_tensor_value_info(
        "logits", TensorProto.FLOAT, ["n", len(networks), OUTPUTS]
    )
    graph = helper.make_graph(build.nodes, "reader", [glyphs], [logits], build.weights)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="veedor"
    )
    model.ir_version = FORMAT
    onnx.checker.check_model(model)
    return model
