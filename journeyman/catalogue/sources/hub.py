"""Files of a hub repository at a pinned revision; HF_ENDPOINT and HF_HUB_OFFLINE are respected."""

from __future__ import annotations

from huggingface_hub import constants, hf_hub_url
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from journeyman.catalogue.download import download
from journeyman.catalogue.entry import HubSource
from journeyman.catalogue.pip_settings import pip_settings
from journeyman.catalogue.sources.base import SOURCES, Job, SourceFailed, below


@SOURCES.register("hub")
def fetch_hub(source: HubSource, job: Job) -> None:
    """Download each file; gives up at the first that does not answer, within seconds."""
    if constants.is_offline_mode():
        raise SourceFailed("HF_HUB_OFFLINE is set")
    headers = build_hf_headers(library_name="journeyman")
    with pip_settings().client() as client:
        for file in job.files:
            address = hf_hub_url(
                source.repository,
                below(source.subfolder, file.path),
                repo_type=source.repository_type,
                revision=source.revision,
                endpoint=constants.ENDPOINT,
            )
            download(client, address, job.target(file), file, job.progress, headers)
