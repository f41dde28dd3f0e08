"""Pipelines: work that is more than one job, put together by `>>`, `|`, `chain` and `group`."""

from django_taskq.pipelines.pipeline import Pipeline, chain, group
from django_taskq.pipelines.results import Results
from django_taskq.pipelines.run import PipelineRun, aget_run, get_run

__all__ = ["Pipeline", "PipelineRun", "Results", "aget_run", "chain", "get_run", "group"]
