"""The admin: jobs and workers, which act through the store alone, tenants, queues, schedules."""

from django.contrib import admin

from django_taskq.admin.jobs import JobAdmin
from django_taskq.admin.queues import QueueAdmin
from django_taskq.admin.schedules import ScheduleAdmin
from django_taskq.admin.tenants import TenantAdmin
from django_taskq.admin.workers import WorkerAdmin
from django_taskq.models import Job, Queue, Schedule, Tenant, Worker

__all__ = ["JobAdmin", "QueueAdmin", "ScheduleAdmin", "TenantAdmin", "WorkerAdmin"]

admin.site.register(Job, JobAdmin)
admin.site.register(Queue, QueueAdmin)
admin.site.register(Schedule, ScheduleAdmin)
admin.site.register(Tenant, TenantAdmin)
admin.site.register(Worker, WorkerAdmin)
