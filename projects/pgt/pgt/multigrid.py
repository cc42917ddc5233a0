"""Progressive multigrid: epochs of many short steps and of few long ones in turn (PGT release; cf. arXiv:1912.00998)."""

from __future__ import annotations

from dataclasses import dataclass

from fvcore.common.config import CfgNode

from pgt.fit import schedule_of
from pgt.schedule import ScheduleError, StepSchedule
from slowfast.config import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Multigrid:
    """base: the schedule of evaluation. cycle: schedules that epochs take in turn, with factors of the learning rate; empty:
    every epoch has the base. ends_with_base: whether the last epoch has it, so that training ends as evaluation goes on."""

    base: StepSchedule
    cycle: tuple[tuple[StepSchedule, float], ...] = ()
    ends_with_base: bool = True

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Multigrid:
        """Raises ConfigError for lists that do not fit each other or the rest of the config."""
        base = schedule_of(cfg)
        if not cfg.PGT.MGRID:
            return cls(base=base)
        steps, lengths = cfg.PGT.MGRID_STEPS, cfg.PGT.MGRID_STEP_LEN
        scales = cfg.PGT.MGRID_LRSCALES or [1.0] * len(steps)
        for key, values in (("MGRID_STEP_LEN", lengths), ("MGRID_LRSCALES", scales)):
            if len(values) != len(steps) or not steps:
                why = f"PGT.MGRID_STEPS has {len(steps)} entries"
                raise ConfigError(key=f"PGT.{key}", value=values, why=why, right="as many in both, at least one")
        if cfg.DETECTION.ENABLE:
            why = "the annotated second must lie at the centre of the last step, which would move from epoch to epoch"
            raise ConfigError(key="PGT.MGRID", value=True, why=why, right="False, for detection")
        ratios = [base.frame_ratio(0) // base.frame_ratio(pathway) for pathway in range(base.num_pathways)]
        try:
            schedules = [
                StepSchedule([length * ratio for ratio in ratios], base.overlap, count, semantics=base.semantics)
                for count, length in zip(steps, lengths, strict=True)
            ]
        except ScheduleError as error:
            raise ConfigError(key="PGT.MGRID_STEP_LEN", value=lengths, why=str(error)) from None
        cycle = tuple(zip(schedules, scales, strict=True))
        return cls(base=base, cycle=cycle, ends_with_base=not cfg.PGT.MGRID_NO_FINETUNE)

    @property
    def schedules(self) -> list[StepSchedule]:
        """Every schedule that occurs."""
        return [self.base, *(schedule for schedule, _ in self.cycle)]

    def at(self, epoch: int, num_epochs: int) -> tuple[StepSchedule, float]:
        """The schedule and the factor of the learning rate in an epoch, counted from 0."""
        if not self.cycle or (self.ends_with_base and epoch == num_epochs - 1):
            return self.base, 1.0
        return self.cycle[epoch % len(self.cycle)]
