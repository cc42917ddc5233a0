"""Options of non-local blocks."""

from slowfast.config.options import Option, Section

SECTION = Section(
    name="NONLOCAL",
    meaning="Non-local blocks (Wang et al., arXiv:1711.07971).",
    options={
        "LOCATION": Option([[[]], [[]], [[]], [[]]], "Blocks of each stage and pathway that a non-local block follows."),
        "GROUP": Option([[1], [1], [1], [1]], "Groups of frames that attend to each other only, by stage and pathway."),
        "INSTANTIATION": Option("dot_product", "How affinities are normalised.", choices=("dot_product", "softmax")),
        "POOL": Option([[[1, 2, 2], [1, 2, 2]]] * 4, "Pooling of keys and values, by stage and pathway."),
    },
)
