"""The same job written plainly with Microsoft's Python SDK: move every blob under a prefix.

Started once and kept, as the worker is: it reads one job a line, JSON, and answers each with a line.
"""

import io
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

from azure.core import MatchConditions
from azure.storage.blob import BlobServiceClient

MIB = 1 << 20


def move(landing, out, name):
    """Copy inside the service, verify, delete the source if it is still the same version."""
    source, target = landing.get_blob_client(name), out.get_blob_client(name)
    before = source.get_blob_properties()
    target.start_copy_from_url(
        source.url,
        metadata={**before.metadata, "route": "all"},
        source_etag=before.etag,
        source_match_condition=MatchConditions.IfNotModified,
        match_condition=MatchConditions.IfMissing,
    )
    after = target.get_blob_properties()
    if after.copy.status != "success":
        raise RuntimeError(f"{name}: the copy is {after.copy.status}")
    if after.size != before.size:
        raise RuntimeError(f"{name}: the copy has {after.size} of {before.size} bytes")
    if after.content_settings.content_md5 != before.content_settings.content_md5:
        raise RuntimeError(f"{name}: the copy has another MD5")
    source.delete_blob(etag=before.etag, match_condition=MatchConditions.IfNotModified)


def move_all(service, prefix, parallel):
    """Move what lies under the prefix, so many at a time; 1 is a plain loop without threads."""
    landing, out = service.get_container_client("landing"), service.get_container_client("out")
    names = [blob.name for blob in landing.list_blobs(name_starts_with=prefix)]
    if parallel == 1:
        for name in names:
            move(landing, out, name)
        return
    with ThreadPoolExecutor(parallel) as pool:
        for _ in pool.map(lambda name: move(landing, out, name), names):
            pass


class Zeros(io.RawIOBase):
    """A stream of so many zero bytes."""

    def __init__(self, size):
        self.left = size

    def readable(self):
        return True

    def read(self, size=-1):
        size = self.left if size < 0 else min(size, self.left)
        self.left -= size
        return bytes(size)


def fill(service, name, size):
    """Upload a blob of so many bytes in staged blocks; not measured."""
    landing = service.get_container_client("landing")
    landing.upload_blob(name, Zeros(size), length=size)


def main():
    service = BlobServiceClient.from_connection_string(
        os.environ["LAKEHAND_STORAGE"], max_single_put_size=MIB, max_block_size=16 * MIB
    )
    jobs = {"move": move_all, "fill": fill}
    for line in sys.stdin:
        job = json.loads(line)
        jobs[job.pop("job")](service, **job)
        print("done", flush=True)


main()
