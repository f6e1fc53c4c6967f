"""ONNX and QONNX files: float models become a graph, quantized ones an integer network with a certificate."""
