"""The options of the library, one file a section."""

from slowfast.config.sections import (
    ava,
    bn,
    data,
    data_loader,
    detection,
    model,
    nonlocal_,
    regnet,
    report,
    resnet,
    run,
    slowfast,
    solver,
    tensorboard,
    test,
    train,
    x3d,
)
from slowfast.registry import CONFIG_SECTIONS

_SECTIONS = tuple(
    module.SECTION
    for module in (
        run,
        train,
        test,
        data,
        data_loader,
        ava,
        model,
        detection,
        resnet,
        slowfast,
        x3d,
        regnet,
        nonlocal_,
        bn,
        solver,
        tensorboard,
        report,
    )
)


def register_all() -> None:
    """Files the library's sections in the registry; calling it again changes nothing."""
    for section in _SECTIONS:
        CONFIG_SECTIONS.register(section.name)(section)
