"""The network that compares hands as an ONNX graph, built node by node."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from training.bags import Network

__all__ = ["graph_of"]

OPSET, FORMAT = 17, 8
"""Versions old enough for every onnxruntime that the package admits."""


class _Builder:
    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, value: NDArray) -> str:
        name = f"weight{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def add(self, kind: str, *inputs: str, **attributes) -> str:
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def linear(self, flow: str, weight: NDArray, bias: NDArray) -> str:
        return self.add("Gemm", flow, self.weight(weight), self.weight(bias), transB=1)

    def bent(self, flow: str, norm) -> str:
        """Layer normalisation, and x times the share of a Gaussian below x."""
        scale, shift = (w.detach().numpy() for w in (norm.weight, norm.bias))
        flow = self.add(
            "LayerNormalization", flow, self.weight(scale), self.weight(shift),
            axis=-1, epsilon=norm.eps,
        )  # fmt: skip
        root = self.weight(np.array(np.sqrt(0.5)))
        share = self.add("Erf", self.add("Mul", flow, root))
        half, one = self.weight(np.array(0.5)), self.weight(np.array(1.0))
        return self.add("Mul", flow, self.add("Mul", half, self.add("Add", share, one)))


def graph_of(
    network: Network, mean: NDArray, spread: NDArray, limit: float, basis: NDArray
) -> onnx.ModelProto:
    """features (n, features) -> embedding (n, k) float32.

    Parameters
    ----------
    mean, spread : (features,), what features are taken about and divided by
    limit : beyond which they are cut off
    basis : (SIZE, k), from the network's coordinates to those of the model of hands
    """
    build = _Builder()
    network = network.eval()
    flow = build.add("Sub", "features", build.weight(mean))
    flow = build.add("Div", flow, build.weight(spread))
    low, high = build.weight(np.array(-limit)), build.weight(np.array(limit))
    flow = build.add("Clip", flow, low, high)
    layers = {k: v.detach().numpy() for k, v in network.named_parameters()}
    flow = build.linear(flow, layers["first.weight"], layers["first.bias"])
    flow = build.bent(flow, network.norm1)
    more = build.linear(flow, layers["second.weight"], layers["second.bias"])
    flow = build.add("Add", flow, build.bent(more, network.norm2))
    last = basis.T @ layers["last.weight"].astype(np.float64)
    flow = build.linear(flow, last, basis.T @ layers["last.bias"].astype(np.float64))
    build.nodes.append(helper.make_node("Identity", [flow], ["embedding"]))
    graph = helper.make_graph(
        build.nodes,
        "hands",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", len(mean)])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", basis.shape[1]])],
        build.weights,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, producer_name="veedor", opset_imports=opsets)
    model.ir_version = FORMAT
    onnx.checker.check_model(model)
    return model
