"""Tests of the package as it is installed, against an api and a worker that run."""
