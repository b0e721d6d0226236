/** What is coming for each role, and what it can do today. Plain words, no promises of dates. */
import type { Lang } from '../desk/shell'

export interface Plan {
  coming: Record<Lang, string[]>
  now: Record<Lang, string[]>
}

export const PLANS: Record<string, Plan> = {
  registration: {
    coming: {
      zh: ['接收医院信息系统的检查申请，扫码登记', '一张表完成登记、收集病史和禁忌', '设备时段推荐与预约调整', '打印条码和须知，候检叫号'],
      en: ['Orders from the hospital system, check-in by scanner', 'One form for registration, history and contraindications', 'Proposed time slots and changes of bookings', 'Labels, notes and the queue board'],
    },
    now: {
      zh: ['本机构设备传来的图像会自动进入阅片列表，未匹配的由程序说明原因', '已签发的报告对本机构的临床医生可见'],
      en: ['Images sent by your devices reach the worklist by themselves; unmatched ones carry the reason', 'Signed reports are visible to the clinicians of your institution'],
    },
  },
  technician: {
    coming: {
      zh: ['按机房的候检队列：叫号、重叫、过号', '检查前的申请、过敏和安全核对', '图像到达的实时计数，不合格退回并说明', '给阅片医生留言'],
      en: ['The queue of each room: call, recall, skip', 'Order, allergy and safety checks before the exam', 'Images as they arrive, with count and rejection', 'Messages to the reader'],
    },
    now: {
      zh: ['从设备向本中心发送图像（DICOM 存储），几秒后即出现在阅片列表', '用设备的 C-ECHO 测试连接'],
      en: ['Send images from your device (DICOM store): they are on the worklist within seconds', 'Test the connection with the device’s C-ECHO'],
    },
  },
  clinical: {
    coming: {
      zh: ['按患者的时间轴浏览报告和图像', '报告签发和危急值的及时提醒', '与阅片医生讨论、申请会诊'],
      en: ['Reports and images of one patient along a time axis', 'Notice of signed reports and critical values', 'Questions to the reader and consultations'],
    },
    now: {
      zh: ['您的账号已可按机构权限读取已签发的报告和图像（报告接口、DICOMweb）', '专用页面完成前，请向影像中心索取报告 PDF'],
      en: ['Your account may already read signed reports and images of your institution (records API, DICOMweb)', 'Until the page is there, ask the centre for the report PDF'],
    },
  },
  operations: {
    coming: {
      zh: ['一切正常，或需要处理的三件事', '设备连接、存储空间、积压的图像', '备份与恢复演练'],
      en: ['Everything is fine, or the three things that are not', 'Devices, storage, images waiting', 'Backups and restore drills'],
    },
    now: {
      zh: ['影像节点状态页：/services/images/status（含隔离区重试），指标：/services/images/metrics', '各服务的健康检查地址：/hub/health、/services/ris/healthz、/services/images/healthz、/services/mart/healthz、/services/evidence/healthz、/services/masks/healthz', '日志为每行一个 JSON，位于数据文件夹的 logs/ 下，不含患者姓名'],
      en: ['Status page of the image node: /services/images/status (with retry of quarantined files), metrics: /services/images/metrics', 'Health of each service: /hub/health, /services/ris/healthz, /services/images/healthz, /services/mart/healthz, /services/evidence/healthz, /services/masks/healthz', 'Logs are one JSON object a line in logs/ of the data folder, without patient names'],
    },
  },
  patient: {
    coming: {
      zh: ['在手机上查看自己的检查和报告', '用有期限的分享码把图像给其他医生'],
      en: ['Your own exams and reports on your phone', 'Share images with another doctor by an expiring code'],
    },
    now: {
      zh: ['请向检查所在医院的窗口领取报告'],
      en: ['Collect your report at the desk of the hospital that made the exam'],
    },
  },
}
