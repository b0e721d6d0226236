"""Problems of the masks service in words."""

from __future__ import annotations

from pipelines.cardiothoracic.problems import REFUSALS
from pipelines.serving.problems import Kind, Problems

KINDS: dict[str, Kind] = {
    "right.missing": Kind(
        403,
        ("没有查看影像的权限", "如工作需要，请联系管理员授权。"),
        ("No right to see images", "Ask an administrator if your work needs it."),
    ),
    "function.missing": Kind(
        403,
        ("所在医院的授权功能不包括此项", "如需使用，请联系管理员。"),
        ("The licence of your hospital does not include this function", "Ask an administrator if you need it."),
    ),
    "series.unknown": Kind(
        404,
        ("没有这个序列", "请确认序列仍在，且属于您可以查看的机构。"),
        ("No such series", "Check that it is there and in your data scope."),
    ),
    "mask.unknown": Kind(404, ("没有这个结果", "请重新计算。"), ("No such mask", "Ask for it again.")),
    "mask.not_ready": Kind(409, ("尚未计算完成", "请等待计算完成。"), ("The mask is not ready", "Wait until it is done.")),
    "mask.not_ct": Kind(
        422, ("此序列不是CT灰度图像，不能去骨或去床板", "请选择CT横断面序列。"), ("Not a grey CT series", "Choose an axial CT series.")
    ),
    "mask.few_images": Kind(
        422,
        ("此序列图像太少，不能去骨或去床板", "请选择至少10层的CT序列。"),
        ("Too few images", "Choose a CT series of at least 10 images."),
    ),
    "mask.no_geometry": Kind(
        422,
        ("此序列缺少空间位置，或各层大小不同", "请选择有完整位置信息的CT序列。"),
        ("Positions are missing or images differ in size", "Choose a CT series with complete geometry."),
    ),
    "mask.not_axial": Kind(
        422,
        ("此序列不是横断面", "请选择CT横断面序列；重建平面请由其横断面得到。"),
        ("Not an axial series", "Choose the axial CT series; make other planes from it."),
    ),
    "mask.irregular": Kind(
        422,
        ("层间距不均匀，或同一位置有多幅图像", "请选择层间距均匀的单期CT序列。"),
        ("Distances between images differ, or positions repeat", "Choose an evenly spaced CT series of one phase."),
    ),
    "mask.too_large": Kind(
        422,
        ("此序列太大，超出内存限制", "请选择较厚或范围较小的重建序列。"),
        ("The series is too large", "Choose a thicker or smaller reconstruction."),
    ),
    "mask.undecodable": Kind(
        422,
        ("部分图像无法解码", "请联系技师重新发送该序列。"),
        ("Some images cannot be decoded", "Ask the technician to send the series again."),
    ),
    "mask.busy": Kind(503, ("等待计算的任务过多", "请稍候几分钟再试。"), ("Too many masks are waiting", "Retry in some minutes.")),
    "mask.failed": Kind(
        500, ("计算失败", "请重试；若仍失败，请联系运维。"), ("The computation failed", "Retry; tell the operator if it fails again.")
    ),
    "images.away": Kind(503, ("影像服务暂时无法连接", "请稍候再试。"), ("The image service cannot be reached", "Retry in some seconds.")),
    "masks.failed": Kind(
        500, ("服务出错", "请重试；若仍失败，请联系运维。"), ("The service failed", "Retry; tell the operator if it fails again.")
    ),
}

PROBLEMS = Problems(KINDS | REFUSALS, failed="masks.failed", retry_after=5)
