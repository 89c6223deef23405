"""One file a side. Each has `run(spec, session)`, imports only what its own environment has, and is run by
common/serve.py in a process of its own. Every side reads the model's folder and the rows' file that its spec names."""
