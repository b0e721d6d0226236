/** What is open below the text of the report. */
export type Aside = '' | 'templates' | 'knowledge'
