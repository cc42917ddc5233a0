"""Networks of tokens: what video transformers are made of, and the transformers themselves."""
