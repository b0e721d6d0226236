/** The part of plotly.js that this desk uses; the package brings no types. */
declare module 'plotly.js-cartesian-dist-min' {
  export interface PlotPoint {
    customdata?: unknown[]
  }
  export interface Plotted extends HTMLElement {
    on(event: 'plotly_click', listener: (event: { points: PlotPoint[] }) => void): void
    removeAllListeners(event: string): void
  }
  export interface PlotlyModule {
    react(el: HTMLElement, data: unknown[], layout: Record<string, unknown>, config: Record<string, unknown>): Promise<Plotted>
    purge(el: HTMLElement): void
  }
  const plotly: PlotlyModule
  export default plotly
}
