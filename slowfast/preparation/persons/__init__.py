"""Detectors of persons in pictures, of packages that are installed beside this library."""

from slowfast.preparation.persons.choosing import DETECTORS, Detector, find_detector
from slowfast.preparation.persons.detecting import DetectorError, FindPersons, Picture, as_fractions

__all__ = ["DETECTORS", "Detector", "DetectorError", "FindPersons", "Picture", "as_fractions", "find_detector"]
