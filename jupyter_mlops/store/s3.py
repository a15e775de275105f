"""Contents on a server that speaks the S3 protocol: large ones travel in parts, and what has arrived isn't sent again."""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING, Any

from jupyter_mlops.store.remote import PART, PARTS_AT_A_TIME, Remote, Stored, ahead

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_mlops.store.copying import Progress

# The protocol allows 10,000 parts, and copies of up to 5 GiB in one step.
MOST_PARTS = 9_000
LARGEST_COPY = 5 << 30
# An upload that was broken off is gone on with for so long.
UPLOAD_SECONDS = 7 * 24 * 3600.0


class S3(Remote):
    """Keep contents in a bucket; who asks, and where, the environment says as to any client (``AWS_…``)."""

    def tidy(self) -> None:
        """Give up the uploads that were broken off long ago, which cost room until then."""
        with self._reached():
            for upload in self._uploads(f"{self._root}/"):
                if time.time() - upload["Initiated"].timestamp() > UPLOAD_SECONDS:
                    self._abort(upload)

    def _options(self) -> dict[str, Any]:
        # A server that is away should be told so in seconds, not minutes.
        return {"config_kwargs": {"connect_timeout": 5, "read_timeout": 60, "retries": {"max_attempts": 2}}}

    def _call(self, method: str, key: str, **arguments: Any) -> Any:
        bucket, path, _ = self._fs.split_path(key)
        return self._fs.call_s3(method, Bucket=bucket, Key=path, **arguments)

    def _stored(self, key: str) -> Stored:
        head = self._call("head_object", key)
        return Stored(head["ContentLength"], head["LastModified"].timestamp())

    def _renew(self, key: str, found: Stored) -> bool:
        if found.size >= LARGEST_COPY:
            return False
        bucket, path, _ = self._fs.split_path(key)
        source = {"Bucket": bucket, "Key": path}
        # A copy onto itself has to change something.
        kept = {"kept": str(int(time.time()))}
        self._call("copy_object", key, CopySource=source, MetadataDirective="REPLACE", Metadata=kept)
        return True

    def _send(self, path: Path, key: str, progress: Progress) -> None:
        size = path.stat().st_size
        if size <= PART:
            data = path.read_bytes()
            answer = self._call("put_object", key, Body=data)
            if not _is_of(answer["ETag"], data):
                self._check_sent(key, size)
            progress(size)
            return
        try:
            self._send_parts(path, key, size, progress)
        except OSError:
            # Another process may have sent the same content meanwhile, and ended the upload that both were at.
            try:
                there = self._stored(key).size == size
            except OSError:
                there = False
            if not there:
                raise
        self._check_sent(key, size)

    def _send_parts(self, path: Path, key: str, size: int, progress: Progress) -> None:
        length = max(PART, -(-size // MOST_PARTS))
        upload, arrived = self._begun(key)

        with path.open("rb") as source:

            def send(number: int) -> dict[str, Any]:
                data = os.pread(source.fileno(), length, (number - 1) * length)
                tag = arrived.get(number, "")
                if not _is_of(tag, data):
                    answer = self._call("upload_part", key, UploadId=upload, PartNumber=number, Body=data)
                    tag = answer["ETag"]
                return {"PartNumber": number, "ETag": tag, "size": len(data)}

            parts = []
            for part in ahead(send, range(1, -(-size // length) + 1), PARTS_AT_A_TIME):
                progress(part.pop("size"))
                parts.append(part)
        self._call("complete_multipart_upload", key, UploadId=upload, MultipartUpload={"Parts": parts})

    def _begun(self, key: str) -> tuple[str, dict[int, str]]:
        """Return the id of an upload for this key, with the tags of the parts that have arrived."""
        path = self._fs.split_path(key)[1]
        for upload in self._uploads(key):
            if upload["Key"] == path:
                parts, marker = {}, 0
                while True:
                    page = self._call("list_parts", key, UploadId=upload["UploadId"], PartNumberMarker=marker)
                    parts.update({part["PartNumber"]: part["ETag"] for part in page.get("Parts", ())})
                    if not page.get("IsTruncated"):
                        return upload["UploadId"], parts
                    marker = page["NextPartNumberMarker"]
        return self._call("create_multipart_upload", key)["UploadId"], {}

    def _uploads(self, prefix: str) -> Iterator[dict[str, Any]]:
        """Give the uploads under way for keys that begin so; oldest first, a thousand at most."""
        bucket, path, _ = self._fs.split_path(prefix)
        found = self._fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=path).get("Uploads", ())
        yield from sorted(found, key=lambda upload: (upload["Initiated"], upload["UploadId"]))

    def _abort(self, upload: dict[str, Any]) -> None:
        bucket = self._fs.split_path(self._root)[0]
        self._fs.call_s3(
            "abort_multipart_upload", Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"]
        )


def _is_of(tag: str, data: bytes) -> bool:
    """Say whether a server's tag is the MD5 of the data; some servers, and encrypted buckets, tag otherwise."""
    return bool(tag) and tag.strip('"') == hashlib.md5(data, usedforsecurity=False).hexdigest()
