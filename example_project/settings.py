"""Settings of the document desk. For trying out on one machine: DEBUG is on, the key is public."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The database and the submitted files. Tests and second desks name a directory of their own.
VAR = Path(os.environ.get("DESK_DIRECTORY", HERE / "var"))
UPLOADS = VAR / "uploads"
LARGEST_UPLOAD = 2 * 1024 * 1024

DEBUG = True
SECRET_KEY = "public, and only good for the example project"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", "testserver"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_taskq",
    "example_project.desk",
]

# ---------------------------------------------------------------------------------------------
# The part to copy. Change DATABASES to try PostgreSQL or MariaDB: nothing else has to change.
# ---------------------------------------------------------------------------------------------
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": VAR / "desk.sqlite3",
        # Without these, a web process and a worker that write at once meet "database is locked".
        "OPTIONS": {
            "timeout": 30,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
    }
}

TASKS = {
    # Durable: rows beside the documents, worked by `manage.py runworker`.
    "default": {
        "BACKEND": "django_taskq.backends.DatabaseBackend",
        "QUEUES": ["default", "documents", "summaries"],
        # Days that ended jobs are kept; None keeps them for ever.
        "OPTIONS": {"RETENTION": {"successful": 7, "failed": 30}},
    },
    # Threads of the web process: for small things that may be lost when it ends.
    "fast": {
        "BACKEND": "django_taskq.backends.ThreadPoolBackend",
        "OPTIONS": {"MAX_WORKERS": 2},
    },
}
# Modules with schedules; others are added in the admin or by `manage.py schedule add`.
TASKQ = {"SCHEDULES": ["example_project.desk.schedules"]}
# ---------------------------------------------------------------------------------------------

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
FILE_UPLOAD_HANDLERS = [
    "example_project.desk.uploads.SizeLimit",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

ROOT_URLCONF = "example_project.urls"
STATIC_URL = "static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
