"""Tests of wtal, laid out as wtal_core is."""
