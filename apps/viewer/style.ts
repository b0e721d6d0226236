/** The viewer's style sheet, as a constructed sheet: needs no inline style, works in a page and in a shadow root. */
const CSS = `
.px-viewer { position: relative; width: 100%; height: 100%; min-height: 120px; display: grid; gap: 2px; background: #0b0b0c; color: #e8e8e6;
  font: 13px/1.35 system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; outline: none; overflow: hidden; user-select: none; }
.px-viewer:focus-visible { box-shadow: inset 0 0 0 1px #3b82c4; }
.px-cell { position: relative; min-width: 0; min-height: 0; overflow: hidden; background: #000; container-type: size; border: 1px solid #1d1d1f; }
.px-cell.px-active { border-color: #3b82c4; }
.px-cell.px-target { outline: 2px dashed #3b82c4; outline-offset: -4px; }
.px-viewer[data-cells="1"] .px-cell { border-color: #000; }
.px-stage { position: absolute; inset: 0; }
.px-stage.px-hidden { visibility: hidden; }
.px-stage canvas { outline: none; }
.px-drawing { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; }
.px-overlay { position: absolute; inset: 0; pointer-events: none; font-variant-numeric: tabular-nums; text-shadow: 0 0 2px #000, 0 0 2px #000, 0 1px 3px #000, 0 0 5px #000; }
.px-corner { position: absolute; display: flex; flex-direction: column; max-width: calc(50% - 34px); }
.px-line { overflow: hidden; text-overflow: ellipsis; white-space: pre; }
.px-topLeft { top: 6px; left: 8px; }
.px-topRight { top: 6px; right: 8px; text-align: right; }
.px-bottomLeft { bottom: 8px; left: 8px; }
.px-bottomRight { bottom: 8px; right: 8px; text-align: right; }
.px-edge { position: absolute; font-size: 15px; font-weight: 600; color: #ffe08a; }
.px-edge-left { left: 8px; top: 50%; transform: translateY(-50%); }
.px-edge-right { right: 8px; top: 50%; transform: translateY(-50%); }
.px-edge-top { top: 4px; left: 50%; transform: translateX(-50%); }
.px-edge-bottom { bottom: 4px; left: 50%; transform: translateX(-50%); }
.px-scale { position: absolute; left: 50%; bottom: 26px; transform: translateX(-50%); display: flex; flex-direction: column; align-items: center; font-size: 12px; white-space: nowrap; }
.px-scale-bar { height: 5px; border: 1px solid #e8e8e6; border-top: 0; box-sizing: border-box; filter: drop-shadow(0 0 1px #000); }
.px-lines { position: absolute; inset: 0; width: 100%; height: 100%; overflow: hidden; }
.px-lines line { stroke-width: 1; opacity: .75; }
.px-lines circle { fill: none; stroke: #ffd640; stroke-width: 1.5; }
.px-lines circle.px-off { stroke-dasharray: 3 2; opacity: .7; }
.px-lines .px-curve { fill: none; stroke: #ff9de2; stroke-width: 1.5; }
.px-lines .px-curve.px-off { stroke-dasharray: 2 4; opacity: .45; }
.px-lines .px-knot { fill: none; stroke: #ff9de2; stroke-width: 1.5; }
.px-lines .px-knot.px-off { opacity: .35; }
.px-line[data-item="filter"], .px-line[data-item="rotation"], .px-line[data-item="key"] { color: #ffcf66; }
.px-vr { position: absolute; inset: 0; background: #000; touch-action: none; cursor: grab; }
.px-vr canvas { position: absolute; inset: 0; width: 100%; height: 100%; }
.px-vr-marks { pointer-events: none; }
.px-lines .px-lasso { fill: rgba(255, 214, 64, .12); stroke: #ffd640; stroke-width: 1.5; }
.px-vr-edge { position: absolute; font-size: 15px; font-weight: 600; color: #ffe08a; text-shadow: 0 0 3px #000; pointer-events: none; }
.px-vr .px-vr-edge.px-edge-bottom { bottom: 38px; }
.px-solid > .px-overlay .px-edge, .px-solid > .px-overlay .px-scale, .px-solid > .px-overlay .px-lines, .px-solid > .px-overlay .px-corner.px-bottomRight, .px-solid > .px-overlay .px-corner.px-bottomLeft { display: none; }
.px-vr-controls { position: absolute; left: 4px; right: 4px; bottom: 4px; display: flex; flex-direction: column; align-items: center; gap: 4px; pointer-events: none; }
.px-vr-bar { display: flex; flex-wrap: wrap; justify-content: center; gap: 2px; padding: 3px; border-radius: 4px; background: rgba(20, 20, 22, .82); pointer-events: auto; }
.px-vr-controls button { font: inherit; font-size: 12px; min-width: 24px; height: 24px; padding: 0 6px; color: #d8d8d5; background: transparent; border: 1px solid transparent; border-radius: 3px; cursor: pointer; white-space: nowrap; }
.px-vr-controls button:hover { background: #2a2a2e; }
.px-vr-controls button[aria-pressed="true"] { color: #fff; background: #24466b; border-color: #3b82c4; }
.px-vr-panel { display: flex; flex-wrap: wrap; justify-content: center; gap: 4px; max-height: 70cqh; overflow: auto; padding: 6px; border-radius: 4px; background: rgba(20, 20, 22, .92); pointer-events: auto; }
.px-vr-panel[hidden] { display: none; }
.px-vr-panel button { display: flex; flex-direction: column; align-items: center; width: 88px; height: 100px; padding: 4px 2px; white-space: normal; line-height: 1.15; }
.px-vr-panel canvas { width: 72px; height: 72px; background: #000; }
.px-vr-panel label { display: flex; align-items: center; gap: 4px; width: 45%; font-size: 12px; }
.px-vr-panel input { flex: 1; min-width: 0; accent-color: #3b82c4; }
.px-magnifier { position: absolute; width: 240px; height: 240px; border-radius: 50%; border: 1px solid #e8e8e6; box-shadow: 0 0 0 1px #000, 0 2px 12px rgba(0, 0, 0, .7); pointer-events: none; }
.px-magnifier[hidden] { display: none; }
.px-warnings { color: #ffcf66; font-size: 12px; }
.px-legend { font-size: 12px; }
.px-legend div { overflow: hidden; text-overflow: ellipsis; white-space: pre; }
.px-vr-said { position: absolute; left: 10px; bottom: 70px; pointer-events: none; text-shadow: 0 0 3px #000; }
.px-waiting { position: absolute; top: 42%; left: 50%; transform: translate(-50%, -50%); padding: 4px 10px; border-radius: 4px; background: rgba(20, 20, 22, .85); }
.px-progress { position: absolute; left: 0; right: 0; bottom: 0; height: 3px; background: rgba(255, 255, 255, .12); }
.px-progress-fill { height: 100%; width: 0; background: #3b82c4; }
.px-notice { position: absolute; inset: 0; display: flex; flex-direction: column; align-items: center; justify-content: center; gap: 8px; padding: 12px; text-align: center; color: #c9c9c6; }
.px-notice.px-aside { inset: auto 8px 36px auto; padding: 6px 10px; background: rgba(20, 20, 22, .9); border-radius: 4px; }
.px-notice strong { color: #f0f0ee; font-weight: 600; }
.px-notice button { font: inherit; color: #e8e8e6; background: #24466b; border: 1px solid #3b82c4; border-radius: 4px; padding: 3px 14px; cursor: pointer; }
.px-notice[hidden], .px-scale[hidden], .px-progress[hidden], .px-waiting[hidden] { display: none; }
.px-guide { position: absolute; z-index: 4; top: 26px; left: 50%; transform: translateX(-50%); padding: 3px 12px; border-radius: 4px; background: rgba(20, 20, 22, .88); color: #ffe08a; pointer-events: none; white-space: nowrap; }
.px-refusal { position: absolute; z-index: 4; top: 58px; left: 50%; transform: translateX(-50%); padding: 3px 12px; border-radius: 4px; background: rgba(20, 20, 22, .9); color: #ffcf66; pointer-events: none; white-space: nowrap; }
.px-guide[hidden], .px-refusal[hidden], .px-wish[hidden] { display: none; }
.px-wish { position: absolute; top: 22%; left: 50%; transform: translateX(-50%); box-sizing: border-box; width: max-content; max-width: calc(100% - 48px); padding: 6px 14px; border: 1px solid #3b82c4; border-radius: 4px; background: rgba(20, 20, 22, .88); color: #f0f0ee; font: inherit; line-height: 1.45; white-space: pre-line; text-align: center; pointer-events: auto; cursor: pointer; }
.px-wish:hover { background: #24466b; }
.px-dialog { position: absolute; z-index: 5; display: flex; flex-direction: column; gap: 6px; box-sizing: border-box; width: 300px; max-width: calc(100% - 8px); padding: 10px; border: 1px solid #3b82c4; border-radius: 4px; background: rgba(24, 24, 27, .97); color: #e8e8e6; user-select: text; }
.px-dialog-title { font-weight: 600; }
.px-dialog-field { width: 100%; box-sizing: border-box; padding: 4px 6px; border: 1px solid #55555a; border-radius: 3px; background: #101012; color: inherit; font: inherit; font-size: 14px; resize: vertical; }
.px-dialog-field:focus-visible { outline: 2px solid #3b82c4; outline-offset: -1px; }
.px-dialog p { margin: 0; font-size: 12px; color: #b4b4b0; white-space: pre-line; }
.px-dialog p.px-dialog-problem { color: #ff9d8a; }
.px-dialog-consent { display: flex; gap: 6px; align-items: flex-start; color: #ffcf66; font-size: 12px; }
.px-dialog-consent input { margin: 2px 0 0; }
.px-dialog-buttons { display: flex; justify-content: flex-end; gap: 6px; }
.px-dialog button { font: inherit; color: #e8e8e6; background: #2a2a2e; border: 1px solid #55555a; border-radius: 4px; padding: 3px 12px; cursor: pointer; }
.px-dialog button.px-dialog-accept { background: #24466b; border-color: #3b82c4; }
.px-dialog.px-screen { left: 8px; top: 8px; width: auto; max-width: calc(100% - 16px); }
.px-screen p { max-width: 460px; }
.px-screen-choices { display: flex; flex-wrap: wrap; gap: 4px 16px; }
.px-screen-bar { position: relative; height: 40px; box-sizing: border-box; border: 1px solid #e8e8e6; background: #24466b; touch-action: none; }
.px-screen-bar.px-screen-card { height: auto; aspect-ratio: 85.6 / 53.98; border-radius: 3.5% / 5.6%; }
.px-screen-grip { position: absolute; top: 0; right: -7px; bottom: 0; width: 14px; cursor: ew-resize; background: linear-gradient(90deg, transparent 6px, #ffcf66 6px 8px, transparent 8px); }
@container (max-width: 420px) or (max-height: 300px) {
  .px-minor, .px-scale { display: none; }
  .px-corner { font-size: 11px; max-width: calc(50% - 20px); }
  .px-edge { font-size: 12px; }
  .px-edge-left, .px-topLeft, .px-bottomLeft { left: 4px; }
  .px-edge-right, .px-topRight, .px-bottomRight { right: 4px; }
  .px-warnings { font-size: 11px; }
}
@container (max-width: 220px) or (max-height: 150px) {
  .px-topRight, .px-edge-top { display: none; }
  .px-corner { font-size: 10px; }
  .px-topLeft { max-width: calc(100% - 8px); }
  .px-bottomLeft .px-line[data-item="series"] { display: none; }
}
`;

let sheet: CSSStyleSheet | null = null;

/** Puts the sheet into the root the element lives in (document or shadow root), once. */
export function adoptStyle(element: HTMLElement): void {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  const root = element.getRootNode();
  const place = root instanceof ShadowRoot ? root : document;
  if (!place.adoptedStyleSheets.includes(sheet)) place.adoptedStyleSheets = [...place.adoptedStyleSheets, sheet];
}
