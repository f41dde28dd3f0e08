"""The admin: jobs, runs and workers, which act through the store alone, and what operators edit."""

from django.contrib import admin

from django_taskq.admin.jobs import JobAdmin
from django_taskq.admin.panel import JobsPanel
from django_taskq.admin.queues import QueueAdmin
from django_taskq.admin.runs import RunAdmin
from django_taskq.admin.schedules import ScheduleAdmin
from django_taskq.admin.tenants import TenantAdmin
from django_taskq.admin.workers import WorkerAdmin
from django_taskq.models import Job, Queue, Run, Schedule, Tenant, Worker

__all__ = [
    "JobAdmin",
    "JobsPanel",
    "QueueAdmin",
    "RunAdmin",
    "ScheduleAdmin",
    "TenantAdmin",
    "WorkerAdmin",
]

admin.site.register(Job, JobAdmin)
admin.site.register(Queue, QueueAdmin)
admin.site.register(Run, RunAdmin)
admin.site.register(Schedule, ScheduleAdmin)
admin.site.register(Tenant, TenantAdmin)
admin.site.register(Worker, WorkerAdmin)
