"""The options of the library, one file a theme."""

from slowfast.config.sections import (
    aug,
    ava,
    data,
    events,
    families,
    mixup,
    model,
    mvit,
    nonlocal_,
    reports,
    resnet,
    run,
    solver,
    test,
    train,
    vit,
)
from slowfast.registry import CONFIG_SECTIONS

_SECTIONS = (
    run.SECTION,
    train.SECTION,
    test.SECTION,
    events.SECTION,
    data.SECTION,
    data.LOADER,
    aug.SECTION,
    mixup.SECTION,
    ava.SECTION,
    model.SECTION,
    model.DETECTION,
    resnet.SECTION,
    families.SLOWFAST,
    families.X3D,
    families.REGNET,
    mvit.SECTION,
    vit.TIMESFORMER,
    vit.VIT,
    nonlocal_.SECTION,
    model.NORMS,
    solver.SECTION,
    reports.TENSORBOARD,
    reports.TRACKER,
    reports.REPORT,
)


def register_all() -> None:
    """Files the library's sections in the registry; calling it again changes nothing."""
    for section in _SECTIONS:
        CONFIG_SECTIONS.register(section.name)(section)
