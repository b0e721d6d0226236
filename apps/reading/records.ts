/**
 * What the desk knows of the records service (docs/interfaces.md §4): the shapes of its answers and one typed function per address.
 * Nothing else in this folder spells an address of ris.
 */

import type { Age } from '../desk/age'
import { type Api, EVIDENCE, IMAGES, type Problem, RIS } from '../desk/shell'
import type { Atlas } from './atlas/plates'
import type { KeyImage, Measurement, OverlayLayer, OverlayShape, WindowSetting } from '../viewer/api'

export type Stage = 'booked' | 'arriving' | 'to_write' | 'writing' | 'to_review' | 'in_review' | 'returned' | 'signed' | 'cancelled'
export type Priority = 'stat' | 'urgent' | 'routine'
export type View = 'all' | 'to_write' | 'to_review' | 'mine' | 'stat' | 'unscheduled' | 'done'
export type Action = 'submit' | 'review' | 'return' | 'sign' | 'recall' | 'addendum'

export interface Person { username: string; name: string }
export interface Row {
  exam_id: number
  version: number
  accession: string | null
  institution: { code: string; name: string; name_en: string | null }
  patient: {
    id: string
    patient_id: string
    name: string
    pinyin: string | null
    sex: string | null
    birth_date: string | null
    age: (Age & { days: number }) | null
  }
  modality: string | null
  description: string | null
  body_part: string | null
  exam_state: string
  report_state: string | null
  stage: Stage
  priority: Priority
  complex: boolean
  scheduled: boolean
  unscheduled_reason: { code: string; zh: string; en: string } | null
  study_uids: string[]
  images: number
  ordered_at: string | null
  performed_at: string | null
  arrived_at: string | null
  waiting_since: string | null
  report_id: number | null
  author: Person | null
  reviewer: Person | null
  positive: boolean | null
  mine: boolean
}

export interface Study {
  study_uid: string
  modality: string | null
  description: string | null
  instances: number
  series: number
  study_date: string | null
}

export interface Exam extends Row {
  clinical: { history: string | null; diagnosis: string | null; question: string | null; allergy: string | null } | null
  technician_message: string | null
  studies: Study[]
  reports: { id: number; state: string }[]
  priors: Row[]
}

/** A key image that a report prints, with the caption it has there. */
export interface TakenKeyImage { id: string; digest: string; caption: string }
/** `key_images`: in the order in which they are printed; not there: none. */
export interface Text { findings: string; impression: string; positive: boolean | null; key_images?: TakenKeyImage[] }

export interface Report extends Text {
  id: number
  version: number
  state: string
  exam_ids: number[]
  author: Person | null
  reviewer: Person | null
  return_reason: string | null
  actions: string[]
  signed_at: string | null
  updated_at: string
  history: HistoryEntry[]
}

export interface HistoryEntry { at: string; by: Person | null; action: string; reason: string | null }
export interface ReportVersion extends Text { number: number; action: string; state: string; at: string; by: Person | null; reason: string | null }

export interface Template {
  id: number
  name: string
  modality: string | null
  body_part: string | null
  findings: string
  impression: string
  public: boolean
}

/** A measurement on an image as the record keeps it. */
export interface Marking {
  id: string
  version: number
  measurement: Measurement
  author: Person
  changed_by: Person
  created_at: string
  updated_at: string
  /** It is out of view, and can be brought back. */
  removed: boolean
  /** Whether the signed-in person may change or remove it. */
  changeable: boolean
}

/** A key image as the record keeps it; its picture has an address. */
export interface KeyImageRecord {
  id: string
  version: number
  reference: KeyImage
  caption: string
  digest: string
  author: Person
  created_at: string
  updated_at: string
  removed: boolean
  /** Whether the signed-in person may change or remove it. */
  changeable: boolean
}

export interface WorklistQuery {
  view: View
  q?: string
  modality?: string
  institution?: string
  date_from?: string
  date_to?: string
  limit?: number
}
export interface WorklistPage { rows: Row[]; counts: Partial<Record<View, number>>; seq: number }

/** The service or the way to it is away; the same request may succeed later. */
export function unreachable(problem: Problem): boolean {
  return problem.status === 0 || problem.status === 401 || problem.status === 429 || problem.status >= 500
}


/** Typed functions over the records and images services. Addresses of things a browser loads by itself are methods too. */
export class Records {
  constructor(private readonly api: Api) {}

  worklist(query: WorklistQuery): Promise<WorklistPage> {
    return this.api.get(`${RIS}/worklist`, { query: { ...query } })
  }

  exam(id: number): Promise<Exam> {
    return this.api.get(`${RIS}/exams/${id}`)
  }

  /** A segmentation has pixels, but is no picture: it lies on others. */
  async summary(studyUid: string): Promise<Summary> {
    const found = await this.api.get<Summary>(`${IMAGES}/studies/${encodeURIComponent(studyUid)}/summary`)
    return { ...found, series: found.series.map((each) => ({ ...each, renderable: each.renderable && !WITHOUT_PICTURE.has(each.modality ?? '') })) }
  }

  /** What the objects of a series that is no picture are, and what of them lies on images. Large ones take their time. */
  evidence(studyUid: string, seriesUid: string): Promise<Evidence> {
    return this.api.get(`${EVIDENCE}/series/${encodeURIComponent(studyUid)}/${encodeURIComponent(seriesUid)}/overlay`, { timeout: 90_000 })
  }

  documentAddress(studyUid: string, seriesUid: string, sopUid: string): string {
    return `${EVIDENCE}/instances/${studyUid}/${seriesUid}/${sopUid}/document`
  }

  /** The object as the node keeps it (DICOM part 10). */
  objectAddress(studyUid: string, seriesUid: string, sopUid: string): string {
    return `${IMAGES}/dicom-web/studies/${studyUid}/series/${seriesUid}/instances/${sopUid}?accept=application/dicom`
  }

  /** The series of a study by QIDO-RS (PS3.18 10.6). Unlike the summary it does not count as somebody's opening of the study: for fetching ahead. */
  async seriesAhead(studyUid: string): Promise<SeriesAhead[]> {
    const found = await this.api.get<DicomJson[]>(`${IMAGES}/dicom-web/studies/${encodeURIComponent(studyUid)}/series`)
    return (found ?? []).map((each) => {
      const modality = String(each['00080060']?.Value?.[0] ?? '')
      const instances = Number(each['00201209']?.Value?.[0] ?? 0)
      const number = each['00200011']?.Value?.[0]
      const description = each['0008103E']?.Value?.[0]
      return { series_uid: String(each['0020000E']?.Value?.[0] ?? ''), number: number === undefined ? null : Number(number), modality: modality || null, description: description === undefined ? null : String(description), frames: instances, renderable: !WITHOUT_PICTURE.has(modality) }
    })
  }

  boneAgeAtlas(): Promise<Atlas> {
    return this.api.get(`${RIS}/atlas/bone-age`)
  }

  plateAddress(digest: string): string {
    return `${RIS}/atlas/bone-age/plates/${digest}`
  }

  openReport(examIds: number[]): Promise<Report> {
    return this.api.post(`${RIS}/reports`, { exam_ids: examIds })
  }

  report(id: number): Promise<Report> {
    return this.api.get(`${RIS}/reports/${id}`)
  }

  /** One try only: the autosave has its own rhythm of trying again. */
  saveDraft(id: number, version: number, text: Text): Promise<{ version: number; saved_at: string }> {
    const { findings, impression, positive, key_images = [] } = text
    return this.api.put(`${RIS}/reports/${id}/draft`, { version, findings, impression, positive, key_images }, { retry: false, timeout: 8000 })
  }

  /** `key` makes a repeated click or a repeated delivery one act (Idempotency-Key). */
  transition(id: number, action: string, version: number, key: string, more: Partial<Text> & { reason?: string } = {}): Promise<Report> {
    return this.api.post(`${RIS}/reports/${id}/transitions`, { action, version, ...more }, { idempotencyKey: key })
  }

  async versions(id: number): Promise<ReportVersion[]> {
    return listOf(await this.api.get<Listed<ReportVersion>>(`${RIS}/reports/${id}/versions`))
  }

  /** Removed ones too: who brings one back must know its version. */
  async markings(examId: number): Promise<Marking[]> {
    return listOf(await this.api.get<Listed<Marking>>(`${RIS}/exams/${examId}/markings`, { query: { removed: true } }))
  }

  /** One try only: their saving has its own rhythm of trying again. */
  putMarking(examId: number, id: string, version: number | null, measurement: Measurement): Promise<Marking> {
    return this.api.put(`${RIS}/exams/${examId}/markings/${encodeURIComponent(id)}`, { version, measurement }, { retry: false, timeout: 8000 })
  }

  removeMarking(examId: number, id: string, version: number | null): Promise<Marking> {
    return this.api.delete(`${RIS}/exams/${examId}/markings/${encodeURIComponent(id)}`, { query: { version }, retry: false, timeout: 8000 })
  }

  /** Removed ones too: who brings one back must know its version. */
  async keyImages(examId: number): Promise<KeyImageRecord[]> {
    return listOf(await this.api.get<Listed<KeyImageRecord>>(`${RIS}/exams/${examId}/key-images`, { query: { removed: true } }))
  }

  /** A new one brings reference and picture. One try only, as for markings. */
  async putKeyImage(examId: number, id: string, version: number | null, caption: string, image: KeyImage | null, picture: Blob | null): Promise<KeyImageRecord> {
    const more = image && picture ? { reference: image, picture: await base64(picture) } : {}
    return this.api.put(`${RIS}/exams/${examId}/key-images/${encodeURIComponent(id)}`, { version, caption, ...more }, { retry: false, timeout: 30_000 })
  }

  removeKeyImage(examId: number, id: string, version: number | null): Promise<KeyImageRecord> {
    return this.api.delete(`${RIS}/exams/${examId}/key-images/${encodeURIComponent(id)}`, { query: { version }, retry: false, timeout: 8000 })
  }

  keyPictureAddress(examId: number, id: string): string {
    return `${RIS}/exams/${examId}/key-images/${encodeURIComponent(id)}/picture`
  }

  /** A picture as a report has it, whatever became of the key image. */
  reportPictureAddress(id: number, digest: string): string {
    return `${RIS}/reports/${id}/key-images/${digest}`
  }

  /** A study's measurements as DICOM: an SR document, or presentation states in a ZIP archive; `leftOut`: how many are not in it. */
  async exportMarkings(examId: number, studyUid: string, form: 'measurement-report' | 'presentation-states'): Promise<{ content: Blob; leftOut: number }> {
    const answer = await this.api.raw('GET', `${EVIDENCE}/exams/${examId}/studies/${encodeURIComponent(studyUid)}/${form}`)
    return { content: await answer.blob(), leftOut: Number(answer.headers.get('Markings-Left-Out') ?? 0) }
  }

  async templates(filter: { modality?: string; body_part?: string; q?: string }): Promise<Template[]> {
    return listOf(await this.api.get<Listed<Template>>(`${RIS}/templates`, { query: filter }))
  }

  saveTemplate(template: Omit<Template, 'id'>): Promise<Template> {
    return this.api.post(`${RIS}/templates`, template)
  }

  pdfAddress(id: number, version: number): string {
    return `${RIS}/reports/${id}/pdf?version=${version}`
  }

  thumbnailAddress(studyUid: string, seriesUid: string): string {
    return `${IMAGES}/dicom-web/studies/${studyUid}/series/${seriesUid}/thumbnail`
  }
}

/** The bytes of a picture as text. */
async function base64(picture: Blob): Promise<string> {
  const bytes = new Uint8Array(await picture.arrayBuffer())
  let text = ''
  // In parts: a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return btoa(text)
}

type DicomJson = Record<string, { Value?: unknown[] } | undefined>

/** Modalities (PS3.3 C.7.3.1.1.1) whose series are no pictures. */
const WITHOUT_PICTURE = new Set(['SR', 'PR', 'KO', 'DOC', 'SEG', 'REG', 'RTSTRUCT', 'RTPLAN', 'RTRECORD', 'AU', 'ECG', 'M3D'])

/** What is known of a series before its study was opened. */
export type SeriesAhead = Pick<SeriesSummary, 'series_uid' | 'number' | 'modality' | 'description' | 'frames' | 'renderable'>

type Listed<T> = T[] | { rows: T[] }

function listOf<T>(answer: Listed<T>): T[] {
  return Array.isArray(answer) ? answer : answer.rows
}

export interface SeriesSummary {
  series_uid: string
  number: number | null
  modality: string | null
  description: string | null
  body_part: string | null
  instances: number
  frames: number
  middle_instance: string | null
  renderable: boolean
  warnings: string[]
}
/** Kinds of objects that are no pictures, as the evidence service tells them apart. */
export const OBJECT_KINDS = ['segmentation', 'contours', 'presentation', 'key_objects', 'report', 'pdf', 'cda', 'mesh', 'ecg', 'waveform', 'video', 'radiotherapy', 'value_map', 'spatial', 'other'] as const
export type ObjectKind = (typeof OBJECT_KINDS)[number]

/** One line of a structured report. */
export interface ContentRow { level: number; type: string; relation: string; name: string; value: string }
/** An image that a key object selection names; `frame` from 1, `index` within its series. */
export interface KeyObject { series: string; sop_uid: string; frame: number; index: number }
/** What a key object selection says (PS3.3 A.35.4). `chosen`: it singles images out; false: a rejection or a plain list. */
export interface KeyObjects {
  title: { code: string; scheme: string; meaning: string }
  chosen: boolean
  device: string
  person: string
  description: string
  images: KeyObject[]
}
export interface EvidenceObject { sop_uid: string; sop_class: string; what: ObjectKind; title: string; document: ContentRow[] | null; key_objects: KeyObjects | null }
/** What others drew or wrote (docs/interfaces.md §6a). */
export interface Evidence {
  study: string
  series: string
  objects: EvidenceObject[]
  layers: OverlayLayer[]
  shapes: OverlayShape[]
  /** Series that shapes lie on, the one with most first, and one of the images. */
  shown_on: { series: string; images: number; index: number }[]
  /** Of a presentation state, for the images it names. */
  window: WindowSetting | null
  warnings: { code: string; count: number }[]
}

export interface Summary {
  study_uid: string
  institution: string
  description: string | null
  study_date: string | null
  patient: Record<string, unknown>
  series: SeriesSummary[]
}

export function personName(person: Person | null | undefined): string {
  return person ? person.name || person.username : ''
}
