"""The example project behind a strict Content-Security-Policy, with a second admin site."""

import os

from django.utils.csp import CSP

from example_project.settings import *  # noqa: F403  everything else is the example project's
from example_project.settings import INSTALLED_APPS as APPS
from example_project.settings import MIDDLEWARE as LAYERS

IS_UNFOLDED = bool(os.environ.get("TASKQ_BROWSER_UNFOLD"))

ROOT_URLCONF = "tests.browser.urls"
# Unfold replaces templates of the admin, so it stands before it.
INSTALLED_APPS = [*(["unfold"] if IS_UNFOLDED else []), *APPS]
# Unfold's own pages have scripts inside, which the policy forbids.
POLICY = [] if IS_UNFOLDED else ["django.middleware.csp.ContentSecurityPolicyMiddleware"]
MIDDLEWARE = [*POLICY, *LAYERS]
# Neither scripts nor styles inside of a page, nor anything from elsewhere.
SECURE_CSP = {
    "default-src": [CSP.SELF],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}
# Logging in is slow on purpose, which tests need not wait for.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
