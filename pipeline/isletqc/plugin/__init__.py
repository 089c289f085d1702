"""The scientist's bench in napari, the only folder that knows the viewer."""
