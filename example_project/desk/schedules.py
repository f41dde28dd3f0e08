"""What the desk does by itself. Workers fire it; `TASKQ` in the settings leads here."""

from django_taskq.schedules import cron
from example_project.desk.tasks import write_reports

weekly = cron("0 6 * * mon", write_reports, name="weekly-reports", timezone="Europe/Berlin")
