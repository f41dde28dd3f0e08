"""Schedules in code that tests add and take away."""

from django_taskq.scheduling.code_schedule import CodeSchedule

schedules: list[CodeSchedule] = []
