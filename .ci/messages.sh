#!/bin/sh
# Find the sentences that are marked for translation, and compile the catalogues: sh .ci/messages.sh PYTHON
# Only who changes sentences needs GNU gettext: the compiled catalogues are part of the repository.
set -eu

for tool in xgettext msgmerge msgfmt; do
    if ! command -v "$tool" > /dev/null; then
        echo "make messages needs GNU gettext, and $tool is missing: install it (apt-get install gettext, brew install gettext)." >&2
        exit 1
    fi
done

cd django_taskq
languages=$(ls locale)
for language in $languages; do
    "$1" -m django makemessages --locale "$language" --no-wrap --no-obsolete --add-location file
done
"$1" -m django compilemessages
