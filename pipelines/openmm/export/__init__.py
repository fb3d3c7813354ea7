"""A chain as ONNX files, which must say what the chain says."""
