"""Files on their way in."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile


class SizeLimit(FileUploadHandler):
    """Drop a file that is larger than the desk takes while it arrives, whatever its headers say."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Start to count."""
        super().new_file(*args, **kwargs)
        self.received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Pass the data on to the next handler. Raise SkipFile where it becomes too much."""
        self.received += len(raw_data)
        if self.received > settings.LARGEST_UPLOAD:
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Leave the file to the next handler."""
