/** The study's summary from the node (docs/interfaces.md, §5), as facts for the corners. Opening it is audited by the node. */
import type { CaseInfo } from './corners';

interface Summary {
  institution?: string | { name?: string; code?: string } | null;
  description?: string | null;
  study_date?: string | null;
  accession?: string | null;
  patient?: Record<string, string | number | boolean | null | undefined>;
  warnings?: string[];
  series?: { series_uid: string; warnings?: string[]; number?: number | null; modality?: string | null; description?: string | null }[];
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);

const summaries = new Map<string, Promise<Summary | null>>();

async function read(base: string, study: string): Promise<Summary | null> {
  try {
    const response = await fetch(`${base}/studies/${encodeURIComponent(study)}/summary`, { credentials: 'same-origin' });
    return response.ok ? ((await response.json()) as Summary) : null;
  } catch {
    return null;
  }
}

/** Facts of one series; empty when the summary cannot be read (the images are shown all the same). */
export async function caseInfo(base: string, study: string, series: string): Promise<CaseInfo> {
  const key = `${base}|${study}`;
  let asked = summaries.get(key);
  if (!asked) {
    asked = read(base, study);
    summaries.set(key, asked);
    // Shared only while it is asked: a study still arriving changes, and names of many patients are not kept.
    void asked.finally(() => summaries.delete(key));
  }
  const summary = await asked;
  if (!summary) return {};
  const one = summary.series?.find((each) => each.series_uid === series);
  const patient = summary.patient ?? {};
  const institution = typeof summary.institution === 'string' ? summary.institution : (summary.institution?.name ?? summary.institution?.code);
  return {
    patient: {
      name: text(patient['name']),
      patient_id: text(patient['patient_id']),
      sex: text(patient['sex']),
      birth_date: text(patient['birth_date']),
      age: text(patient['age']),
    },
    institution: institution ?? null,
    study_date: summary.study_date ?? null,
    study_description: summary.description ?? null,
    accession: summary.accession ?? null,
    modality: one?.modality ?? null,
    series_number: one?.number ?? null,
    series_description: one?.description ?? null,
    warnings: [...(summary.warnings ?? []), ...(one?.warnings ?? [])],
  };
}
