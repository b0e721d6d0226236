"""Problems of the routes that give out images, in words."""

from __future__ import annotations

from pipelines.serving.problems import Kind

_VOLUME_ACTION = (
    "请改用 instances 或 stream 逐幅读取。",
    "Read its images one by one instead (instances, stream).",
)


def _no_volume(zh: str, en: str) -> Kind:
    return Kind(409, (zh, _VOLUME_ACTION[0]), (en, _VOLUME_ACTION[1]))


IMAGE_KINDS: dict[str, Kind] = {
    "images.blocked": Kind(
        409,
        ("该影像不能提供", "原因见 blocked；画面可能有文字的，请由管理员查看后放行。"),
        (
            "These images are not given out",
            "See `blocked` for why; where text may be in the picture, let an administrator look and release it.",
        ),
    ),
    "images.busy": Kind(
        503,
        ("同时下载的人过多", "请稍候几秒再试。"),
        ("Too many images are being given out", "Wait some seconds, then retry."),
    ),
    "instance.unknown": Kind(
        404,
        ("该序列没有这幅影像", "请用 instances 查看可用的影像。"),
        ("The series has no such image", "See which there are with `instances`."),
    ),
    "range.invalid": Kind(
        416,
        ("请求的范围超出文件", "请从头下载。"),
        ("The range is beyond the file", "Download it from the beginning."),
    ),
    "volume.few_images": _no_volume("该序列不足两幅，不是体数据", "The series has fewer than two images: no volume"),
    "volume.colour": _no_volume("彩色图像不能作为体数据", "Colour images are no volume"),
    "volume.no_geometry": _no_volume("影像缺少空间位置或像素间距", "The images lack position, directions or pixel spacing"),
    "volume.mixed": _no_volume(
        "影像的尺寸、方向、间距或数值换算不一致", "The images differ in size, directions, spacing or in how values are computed"
    ),
    "volume.gaps": _no_volume("层间距不均匀（缺层或重叠）", "The distance between the images is uneven: some are missing or doubled"),
    "volume.tilted": _no_volume(
        "层面相对排列方向倾斜（机架倾斜），须先重采样", "The images are tilted against their stack (gantry): they need resampling first"
    ),
    "volume.undecodable": _no_volume("有影像无法解码", "An image cannot be decoded"),
    "volume.partly_blocked": _no_volume("该序列有影像未提供", "Some images of the series are not given out"),
    "volume.too_large": Kind(
        413,
        ("体数据过大", _VOLUME_ACTION[0]),
        ("The volume is too large", _VOLUME_ACTION[1]),
    ),
}
