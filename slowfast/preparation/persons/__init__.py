"""Detectors of persons in pictures, of packages that are installed beside this library."""

from slowfast.preparation.persons.choosing import DETECTORS, Detector, find_detector
from slowfast.preparation.persons.detecting import DetectorError, FindPersons, Picture

__all__ = ["DETECTORS", "Detector", "DetectorError", "FindPersons", "Picture", "find_detector"]
