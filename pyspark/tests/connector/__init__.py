"""Tests of the Spark connector against real servers."""
