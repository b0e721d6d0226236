"""Why there is no proposal, in words; code `cardiothoracic.` and the reason."""

from __future__ import annotations

from pipelines.serving.problems import Kind

_BY_HAND = ("请手动测量。", "Measure by hand.")


def _refused(zh: str, en: str, action: tuple[str, str] = _BY_HAND) -> Kind:
    return Kind(422, (zh, action[0]), (en, action[1]))


REFUSALS: dict[str, Kind] = {
    "cardiothoracic.not_radiograph": _refused(
        "此图像不是X线平片，不能自动建议心胸比",
        "Not a radiograph, so no ratio is proposed",
        ("请选择胸部正位片。", "Choose a frontal chest radiograph."),
    ),
    "cardiothoracic.lateral": _refused(
        "此图像标注为侧位", "The image says that it is a lateral view", ("请选择胸部正位片。", "Choose a frontal chest radiograph.")
    ),
    "cardiothoracic.no_lungs": _refused(
        "未能识别两侧肺野，可能不是胸部正位片", "No two lung fields were found; this may be no frontal chest"
    ),
    "cardiothoracic.one_lung": _refused(
        "只能识别一侧肺野（侧位、单侧白肺或裁切）", "Only one lung field was found (lateral view, a white lung, or cut off)"
    ),
    "cardiothoracic.contrast": _refused("图像对比度不足", "There is too little contrast"),
    "cardiothoracic.cut": _refused("胸廓被图像边缘裁切", "The thorax is cut off at the border of the image"),
    "cardiothoracic.askew": _refused("体位倾斜过大", "The patient lies too far askew"),
    "cardiothoracic.sideways": _refused("图像横置，水平径线无法测量", "The stored image lies sideways, so level diameters cannot be drawn"),
    "cardiothoracic.too_small": _refused("图像太小或太大", "The image is too small or too large"),
    "cardiothoracic.unsure": _refused(
        "心缘或胸廓边缘不够清楚，无法给出可靠建议", "The borders are not clear enough for a reliable proposal"
    ),
    "cardiothoracic.undecodable": _refused("此图像无法解码", "The image cannot be decoded"),
    "cardiothoracic.image_unknown": Kind(
        404, ("此序列中没有这幅图像", "请重新打开序列后再试。"), ("No such image in this series", "Open the series again, then retry.")
    ),
    "cardiothoracic.busy": Kind(
        503, ("等待计算的请求过多", "请稍候再试，或手动测量。"), ("Too many wait for a proposal", "Retry, or measure by hand.")
    ),
}
