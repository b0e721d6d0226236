"""The demo's dozen examinations: which invented child was examined where, when, why, and which images show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pydicom.dataset import FileDataset

from hub_config.demo import phantoms
from hub_config.demo.hospitals import INSTITUTIONS, device_for
from hub_config.demo.phantoms import Subject
from hub_config.demo.shipped import dressed

Images = Callable[[Subject], Iterable[FileDataset]]


@dataclass(frozen=True)
class Child:
    """An invented child."""

    patient_id: str
    institution: str
    name: str
    """As typed by the registrar."""
    dicom_name: str
    """PN as the device writes it (alphabetic=ideographic, or the characters alone)."""
    sex: str
    age_days: int
    """On the day the demo was made."""

    def birth(self, today: date) -> date:
        """Day of birth."""
        return today - timedelta(days=self.age_days)


@dataclass(frozen=True)
class Report:
    """What the centre's radiologist writes and the reviewer signs."""

    findings: str
    impression: str
    positive: bool


@dataclass(frozen=True)
class Examination:
    """One examination; without an accession number, or with one nobody knows (`ordered` false), its images come unscheduled."""

    key: str
    child: Child
    modality: str
    description: str
    body_part: str
    accession: str
    images: Images
    days_ago: int
    hour: int
    ordered: bool = True
    priority: str = "routine"
    history: str = ""
    diagnosis: str = ""
    report: Report | None = None

    @property
    def scheduled(self) -> bool:
        """Whether the hospital registered it before the images came."""
        return self.ordered and bool(self.accession)

    @property
    def device(self) -> str:
        """AE title of the sending device."""
        return device_for(self.child.institution, self.modality)

    def taken(self, begun: datetime) -> datetime:
        """When the images were taken (local time of the hospital): never after the demo was `begun`."""
        if self.days_ago == 0:
            return begun - timedelta(minutes=5 + 12 * (11 - self.hour))
        return begun.replace(hour=self.hour, minute=12, second=30) - timedelta(days=self.days_ago)

    def data_sets(self, begun: datetime, uid_seed: str) -> Iterator[FileDataset]:
        """Yield the images, ready to be sent; the same ones for the same `uid_seed` and moment."""
        taken, today = self.taken(begun), begun.date()
        yield from self.images(
            Subject(
                patient_id=self.child.patient_id,
                name=self.child.dicom_name,
                birth_date=self.child.birth(today).strftime("%Y%m%d"),
                sex=self.child.sex,
                age=dicom_age(self.child.birth(today), taken.date()),
                accession=self.accession,
                description=self.description,
                taken=taken,
                institution=next(one["name"] for one in INSTITUTIONS if one["code"] == self.child.institution),
                station=self.device,
                uid_seed=f"{uid_seed}/{self.key}",
            )
        )


def dicom_age(born: date, on: date) -> str:
    """Age String (PS3.5 6.2, AS) as paediatricians say it: days below 4 weeks, months below 2 years, then years."""
    days = (on - born).days
    months = (on.year - born.year) * 12 + on.month - born.month - (on.day < born.day)
    if days < 28:
        return f"{days:03d}D"
    if months < 24:
        return f"{months:03d}M"
    return f"{months // 12:03d}Y"


def shipped(file: str, series: str, charset: str = "GB18030") -> Images:
    """Return a maker of one study with one of pydicom's images."""
    return lambda subject: [dressed(file, subject, series, charset, subject.uid_seed)]


def film(seed: int) -> Images:
    """Return a maker of a chest film."""
    return lambda subject: [phantoms.chest_film(subject, seed)]


LEI = Child("YA240117", "H01", "雷浩然", "Lei^Haoran=雷^浩然", "M", 5 * 365 + 71)
SU = Child("HZ310562", "H02", "苏雨桐", "苏雨桐", "F", 4 * 365 + 190)
MA = Child("HZ310877", "H02", "马梓轩", "Ma^Zixuan=马^梓轩", "M", 281)
HE = Child("YA239804", "H01", "贺思远", "贺思远", "M", 430)
TONG = Child("YA240233", "H01", "佟小满", "佟小满", "F", 12 * 365 + 40)
QIAO = Child("HZ309415", "H02", "乔沐阳", "Qiao^Muyang=乔^沐阳", "M", 9 * 365 + 20)
BAI = Child("YA240051", "H01", "白若溪", "白若溪", "F", 7 * 365 + 150)
OUYANG = Child("YA239990", "H01", "欧阳天佑", "Ouyang^Tianyou=欧阳^天佑", "M", 34)
DENG = Child("HZ310940", "H02", "邓可欣", "邓可欣", "F", 11 * 365 + 300)
GENG = Child("HZ311002", "H02", "耿知夏", "耿知夏", "F", 640)
SHI = Child("YA240260", "H01", "史云帆", "史云帆", "M", 3 * 365 + 12)
LUO = Child("YA240118", "H01", "罗星辰", "Luo^Xingchen=罗^星辰", "M", 13 * 365 + 5)

HYDROCEPHALUS = Report(
    findings=(
        "双侧侧脑室对称性扩大，侧脑室体部及三角区圆钝，第三、第四脑室亦见扩张；脑室周围白质未见明确渗出信号。"
        "脑实质内未见异常信号灶，灰白质分界清楚，脑沟无明显增宽。中线结构居中。小脑及脑干形态、信号未见异常。"
    ),
    impression="脑室系统普遍扩张，考虑交通性脑积水；请结合头围增长曲线，建议随访复查。",
    positive=True,
)
PNEUMONIA = Report(
    findings=(
        "胸廓对称，气管居中。右下肺野见片状密度增高影，边缘模糊，内隐约可见支气管充气征；左肺纹理清晰，未见实变。"
        "双侧肺门影不大，心影大小、形态未见异常。双侧膈面光整，肋膈角锐利。"
    ),
    impression="右下肺肺炎，请结合临床，治疗后复查。",
    positive=True,
)

EXAMINATIONS: tuple[Examination, ...] = (
    Examination(
        "echo", OUYANG, "US", "新生儿心脏超声", "HEART", "YA24110301", shipped("examples_ybr_color.dcm", "心尖四腔"), 9, 9,
        history="心前区收缩期杂音", diagnosis="先天性心脏病？",
    ),
    Examination(
        "film-before", LEI, "DX", "胸部正位片", "CHEST", "YA24110602", film(11), 6, 15,
        history="发热、咳嗽 2 天", diagnosis="支气管炎", report=PNEUMONIA,
    ),
    Examination(
        "head-mr", HE, "MR", "颅脑 MR 平扫", "HEAD", "YA24110903", phantoms.head_mr, 4, 10,
        history="头围增长过快，前囟饱满", diagnosis="脑积水？", report=HYDROCEPHALUS,
    ),
    Examination(
        "abdomen-mr", BAI, "MR", "上腹部 MR 增强", "ABDOMEN", "YA24111004", shipped("examples_overlay.dcm", "T1 增强", "ISO_IR 192"), 2, 11,
        history="体检超声发现肝门区占位", diagnosis="占位性质待查",
    ),
    Examination(
        "small-mr", QIAO, "MR", "小视野 MR", "EXTREMITY", "HZ24-0871", shipped("MR_small.dcm", "轴位"), 1, 16,
        history="外伤后局部疼痛 3 天", diagnosis="软组织损伤？",
    ),
    Examination(
        "node-us", DENG, "US", "颈部淋巴结彩超", "NECK", "HZ24-0880", shipped("examples_jpeg2k.dcm", "能量多普勒"), 1, 9,
        history="发现颈部包块 2 周", diagnosis="淋巴结炎？",
    ),
    Examination(
        "chest-ct", LEI, "CT", "胸部 CT 平扫", "CHEST", "YA24111207", phantoms.chest_ct, 0, 8, priority="urgent",
        history="发热、咳嗽 8 天，抗感染治疗后仍有高热", diagnosis="重症肺炎？",
    ),
    Examination(
        "chest-film", SU, "DX", "胸部正位片", "CHEST", "HZ24-0893", film(23), 0, 9,
        history="咳嗽 5 天，右下肺细湿啰音", diagnosis="肺炎",
    ),
    Examination(
        "bowel-us", MA, "US", "腹部肠管超声", "ABDOMEN", "HZ24-0896", lambda subject: [phantoms.bowel_ultrasound(subject)], 0, 7,
        priority="stat", history="阵发性哭闹 10 小时，呕吐，果酱样便 1 次", diagnosis="肠套叠？",
    ),
    Examination(
        "bone-scan", LUO, "NM", "全身骨显像", "WHOLEBODY", "YA24111208", shipped("JPEG2000.dcm", "全身前后位", "ISO_IR 192"), 0, 10,
        history="右股骨疼痛 1 月", diagnosis="骨肿瘤？",
    ),
    Examination("spine-ct", TONG, "CT", "胸椎 CT", "TSPINE", "", shipped("CT_small.dcm", "轴位"), 0, 6),
    Examination(
        "test-us", GENG, "US", "超声体模测试图像", "ABDOMEN", "HZ24-9999", shipped("examples_palette.dcm", "体模"), 0, 8, ordered=False,
    ),
    Examination("film-unscheduled", SHI, "DX", "胸部正位片", "CHEST", "", film(31), 0, 7),
)  # fmt: skip
"""Oldest first, as they are sent. The last three were never ordered: two without an accession number, one with an unknown one."""
