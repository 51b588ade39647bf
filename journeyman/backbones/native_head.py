"""The prediction layers of a detector of the transformers library, without the network below them.

The whole detector of the library is kept but for what the backbone has, and run by its own code
and charged by its own losses. Shapes: B pictures, Q queries, C classes.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self, cast

import torch
from torch import Tensor, nn

from journeyman.backbones.base import Features
from journeyman.backbones.modes import hold_statistics
from journeyman.backbones.vision_parts import unflattened

Tensors = Mapping[str, Tensor]
"""What a detector puts out, a picture a row: `logits` [B, Q, C] (one more where it has a class for
nothing), `boxes` [B, Q, 4] as centre, width and height in shares, and what its loss wants more."""


class NativeHead(nn.Module):
    """From a backbone's features to classes and boxes of Q queries.

    `model` is the library's detector; `cut_off` names what of it stands below and is dropped.
    """

    cut_off: ClassVar[tuple[str, ...]]
    settled: ClassVar[Mapping[str, Any]] = {}
    """What its configuration says here, whatever the checkpoint's does."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        for path in self.cut_off:
            parent, _, name = path.rpartition(".")
            holder = model.get_submodule(parent)
            if hasattr(holder, name):
                setattr(holder, name, None)
        self.model = model
        hold_statistics(model)

    @classmethod
    def taken(cls, folder: str, classes: int, seed: int) -> Self:
        """That of the checkpoint in `folder`, but for what tells classes, which is drawn anew."""
        from transformers import AutoConfig, AutoModelForObjectDetection

        config = cls._config(AutoConfig.from_pretrained(folder, local_files_only=True))
        config.num_labels = classes
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(seed)
            return cls(
                AutoModelForObjectDetection.from_pretrained(
                    folder,
                    config=config,
                    local_files_only=True,
                    use_safetensors=True,
                    dtype=torch.float32,
                    ignore_mismatched_sizes=True,
                )
            )

    @classmethod
    def built(cls, said: Mapping[str, Any]) -> Self:
        """One of this configuration, its numbers still to be loaded."""
        from transformers import AutoConfig, AutoModelForObjectDetection

        config = cls._config(AutoConfig.for_model(**said))
        with torch.random.fork_rng(devices=[]):
            return cls(AutoModelForObjectDetection.from_config(config))

    @classmethod
    def _config(cls, config: Any) -> Any:
        for name, value in cls.settled.items():
            setattr(config, name, value)
        return config

    @property
    def said(self) -> dict[str, Any]:
        """The configuration that `built` takes, as JSON values."""
        told: dict[str, Any] = _portable(self.model.config.to_dict())
        return told

    @abstractmethod
    def forward(self, features: Features) -> Tensors:
        """What the detector says of the features at the backbone's depth."""

    @abstractmethod
    def charged(self, tensors: Tensors, classes: Tensor, boxes: Tensor) -> Tensor:
        """The loss of one picture (B is 1) whose boxes [n, 4] are of these `classes` [n].

        Boxes are centre, width and height in shares. The library's own loss, its sum over boxes
        divided by their number.
        """

    @abstractmethod
    def scores(self, logits: Tensor) -> Tensor:
        """[B, Q, C]: how likely each query is of each class."""


class YolosHead(NativeHead):
    """Fang et al. (2021), "You only look at one sequence": two small networks on detection tokens.

    These stand after the class token, before the patches.
    """

    cut_off = ("vit",)
    settled: ClassVar = {"auxiliary_loss": False}

    def forward(self, features: Features) -> Tensors:
        """Classes, the last of which is nothing, and boxes of each detection token."""
        hidden = cast(Tensor, features.hidden)
        tokens = hidden[:, 1 : 1 + self.model.config.num_detection_tokens]
        return {
            "logits": self.model.class_labels_classifier(tokens),
            "boxes": self.model.bbox_predictor(tokens).sigmoid(),
        }

    def charged(self, tensors: Tensors, classes: Tensor, boxes: Tensor) -> Tensor:
        """DETR's: cross-entropy, distances and generalised IoU of matched queries.

        The parts of the library's loss are called one by one, since the whole waits for other
        processes of a training, which may have fewer pictures.
        """
        from transformers.loss.loss_for_object_detection import HungarianMatcher, ImageLoss

        config = self.model.config
        matcher = HungarianMatcher(config.class_cost, config.bbox_cost, config.giou_cost)
        parts = ["labels", "boxes"]
        criterion = ImageLoss(matcher, config.num_labels, config.eos_coefficient, parts)
        criterion.to(classes.device)
        said = {"logits": tensors["logits"], "pred_boxes": tensors["boxes"]}
        targets = [{"class_labels": classes, "boxes": boxes}]
        matched = matcher(said, targets)
        losses: dict[str, Tensor] = {}
        for part in parts:
            losses |= criterion.get_loss(part, said, targets, matched, max(len(classes), 1))
        placed: Tensor = config.bbox_loss_coefficient * losses["loss_bbox"]
        shared: Tensor = config.giou_loss_coefficient * losses["loss_giou"]
        return losses["loss_ce"] + placed + shared

    def scores(self, logits: Tensor) -> Tensor:
        """A softmax, of which nothing has its share."""
        return logits.softmax(-1)[..., :-1]


class DecoderHead(NativeHead):
    """The query selection and decoder of RT-DETR (Zhao et al., 2024), its second version, and
    D-FINE (Peng et al., 2024).

    Learned without denoising queries, which only shorten training from nothing: a picture's loss
    is to depend on no other picture.
    """

    cut_off = (
        *("model.backbone", "model.encoder_input_proj", "model.encoder"),
        # The decoder has the same modules under the same names, where these are there.
        *("class_embed", "bbox_embed"),
    )
    settled: ClassVar = {"num_denoising": 0, "anchor_image_size": None, "auxiliary_loss": True}

    def forward(self, features: Features) -> Tensors:
        """Classes and boxes of each query, also after each layer of the decoder."""
        hidden = cast(Tensor, features.hidden)
        levels = self._levels(hidden, cast(tuple[int, int], features.grid))
        found = self.model(pixel_values=None, inputs_embeds=hidden, encoder_outputs=(levels,))
        told = {
            "logits": found.logits,
            "boxes": found.pred_boxes,
            "outputs_class": found.intermediate_logits,
            "outputs_coord": found.intermediate_reference_points,
            "enc_topk_logits": found.enc_topk_logits,
            "enc_topk_bboxes": found.enc_topk_bboxes,
            "predicted_corners": found.intermediate_predicted_corners,
            "initial_reference_points": found.initial_reference_points,
        }
        return {name: value for name, value in told.items() if isinstance(value, Tensor)}

    def _levels(self, hidden: Tensor, finest: tuple[int, int]) -> list[Tensor]:
        """Maps [B, D, H, W], the finest first, of tokens whose last are the finest's."""
        count = len(self.model.config.feat_strides)
        grids = [(finest[0] >> at, finest[1] >> at) for at in range(count)]
        sizes = [height * width for height, width in reversed(grids)]
        parts = reversed(torch.split(hidden, sizes, dim=1))
        return [unflattened(part, grid) for part, grid in zip(parts, grids, strict=True)]

    def charged(self, tensors: Tensors, classes: Tensor, boxes: Tensor) -> Tensor:
        """The family's own loss of all layers."""
        more = {name: value for name, value in tensors.items() if name not in ("logits", "boxes")}
        targets = [{"class_labels": classes, "boxes": boxes}]
        loss: Tensor = self.model.loss_function(
            tensors["logits"], targets, classes.device, tensors["boxes"], self.model.config, **more
        )[0]
        return loss

    def scores(self, logits: Tensor) -> Tensor:
        """Each class by itself."""
        return logits.sigmoid()


LEFT_OUT = ("_name_or_path", "architectures", "dtype", "transformers_version")
"""What a configuration says that is of a place and a day."""


def _portable(said: Any) -> Any:
    """A configuration, and those within it, without these."""
    if not isinstance(said, dict):
        return said
    return {name: _portable(value) for name, value in said.items() if name not in LEFT_OUT}


NATIVE_HEADS: Mapping[str, type[NativeHead]] = {
    "d_fine": DecoderHead,
    "rt_detr": DecoderHead,
    "rt_detr_v2": DecoderHead,
    "yolos": YolosHead,
}
"""By model type."""
