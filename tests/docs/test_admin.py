"""The admin site of the guide is one that Django accepts, with our pages on it."""

from pathlib import Path

from tests.docs.pages import code_blocks, page
from tests.docs.project import Project

LOOK = """
from shop.admin import operations
models = sorted(model.__name__ for model in operations._registry)
assert models == ["Job", "Worker"], models
"""


def test_another_admin_site_takes_our_pages(tmp_path: Path) -> None:
    (block,) = [
        block
        for language, block in code_blocks(page("admin"))
        if language == "python" and block.startswith("# shop/admin.py")
    ]
    project = Project(tmp_path)
    project.add_settings(
        'INSTALLED_APPS = [..., "django_taskq", "shop"]\n'
        'DATABASES["default"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE"}\n'
        'TASKS = {"default": {"BACKEND": "django_taskq.backends.DatabaseBackend"}}\n'
    )
    project.write("shop/admin.py", block)
    assert "no issues" in project.manage("check")
    project.shell(LOOK)
