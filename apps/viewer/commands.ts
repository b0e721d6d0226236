/**
 * Everything the viewer does by a key: its name, its words and its usual keys, as data. A page shows the list and lets its reader choose
 * other keys (`Viewer.setKeys`); pure, so that a page can have it without the viewer.
 */
import type { ToolName } from './engine';

/** What the commands act on. */
export interface Commanded {
  setTool(tool: ToolName): void;
  scrollBy(images: number): void;
  scrollToEnd(last: boolean): void;
  /** The window preset of this place in the list. */
  presetAt(position: number): void;
  reset(): void;
  invert(): void;
  /** Brighter (1) or darker (−1) by one step. */
  stepGamma(step: 1 | -1): void;
  rotate(degrees: number): void;
  turnTo(degrees: number): void;
  flip(axis: 'horizontal' | 'vertical'): void;
  nextLayout(): void;
  mpr(): void;
  rendering(): void;
  toggleCine(): void;
  toggleLinked(): void;
  setPlanes(): void;
  nextHanging(): void;
  hangAgain(): void;
  /** The page opens or closes its bone-age atlas. */
  boneAgeAtlas(): void;
  /** The measurement under the pointer, else the newest of the image. */
  removeHere(): void;
  zoomBy(factor: number): void;
  trueSize(): void;
  /** Keeps what the active view shows as a key image. */
  keepKeyImage(): void;
  undo(): void;
  redo(): void;
  /** Drops a drawing under way; false when there is none. */
  cancel(): boolean;
  /** Ends it with the points it has; false when nothing is being drawn. */
  finish(): boolean;
}

export type CommandGroup = 'tool' | 'measure' | 'image' | 'view' | 'edit';

export interface Command {
  id: string;
  group: CommandGroup;
  zh: string;
  en: string;
  /** As `keyName` writes them. */
  keys: readonly string[];
  /** False: it meant nothing now, and the key goes on to the page. */
  run(viewer: Commanded): unknown;
}

const tool = (name: ToolName, group: 'tool' | 'measure' | 'view', key: string, zh: string, en: string): Command => ({ id: `tool-${name}`, group, zh, en, keys: [key], run: (viewer) => viewer.setTool(name) });

export const COMMANDS: readonly Command[] = [
  tool('window', 'tool', 'w', '窗宽窗位', 'Window'),
  tool('scroll', 'tool', 's', '翻页', 'Scroll'),
  tool('zoom', 'tool', 'z', '缩放', 'Zoom'),
  tool('pan', 'tool', 'p', '移动', 'Pan'),
  tool('magnifier', 'tool', 'n', '放大镜', 'Magnifier'),
  tool('turn', 'tool', 'Shift+f', '自由旋转', 'Rotate freely'),
  tool('probe', 'measure', 'v', '点值', 'Probe'),
  tool('length', 'measure', 'l', '长度', 'Length'),
  tool('polyline', 'measure', 'y', '折线长度', 'Polyline'),
  tool('angle', 'measure', 'a', '角度', 'Angle'),
  tool('cobb', 'measure', 'c', 'Cobb 角', 'Cobb angle'),
  tool('ellipse', 'measure', 'e', '椭圆', 'Ellipse'),
  tool('rectangle', 'measure', 'b', '矩形', 'Rectangle'),
  tool('polygon', 'measure', 'o', '多边形', 'Polygon'),
  tool('ratio', 'measure', 'q', '长度比', 'Ratio of lengths'),
  tool('cardiothoracic', 'measure', 't', '心胸比', 'Cardiothoracic ratio'),
  tool('lasso', 'measure', 'Shift+o', '磁性套索', 'Magnetic lasso'),
  tool('calibration', 'measure', 'Shift+l', '校准（已知长度）', 'Calibrate (known length)'),
  tool('acetabular_index', 'measure', 'Shift+h', '髋臼指数', 'Acetabular index'),
  tool('graf', 'measure', 'Shift+g', 'Graf α/β 角', 'Graf α and β'),
  tool('leg_length', 'measure', 'Shift+d', '下肢长度', 'Leg length'),
  tool('rectangle_annotation', 'measure', 'Shift+b', '矩形标注', 'Rectangle annotation'),
  tool('circle_annotation', 'measure', 'Shift+c', '圆形标注', 'Circle annotation'),
  tool('arrow', 'measure', 'Shift+a', '箭头', 'Arrow'),
  tool('freehand', 'measure', 'Shift+p', '自由画笔', 'Free pen'),
  tool('text', 'measure', 'Shift+t', '文字', 'Text'),
  { id: 'invert', group: 'image', zh: '反相', en: 'Invert', keys: ['i'], run: (viewer) => viewer.invert() },
  { id: 'gamma-brighter', group: 'image', zh: '伽马：更亮', en: 'Gamma: brighter', keys: ['.'], run: (viewer) => viewer.stepGamma(1) },
  { id: 'gamma-darker', group: 'image', zh: '伽马：更暗', en: 'Gamma: darker', keys: [','], run: (viewer) => viewer.stepGamma(-1) },
  ...Array.from({ length: 9 }, (_, position): Command => ({ id: `preset-${position + 1}`, group: 'image', zh: `第 ${position + 1} 个预设窗`, en: `Window preset ${position + 1}`, keys: [String(position + 1)], run: (viewer) => viewer.presetAt(position) })),
  { id: 'key-image', group: 'image', zh: '设为关键图像', en: 'Mark as key image', keys: ['Shift+i'], run: (viewer) => viewer.keepKeyImage() },
  { id: 'rotate-right', group: 'image', zh: '顺时针旋转 90°', en: 'Rotate 90° clockwise', keys: [']'], run: (viewer) => viewer.rotate(90) },
  { id: 'rotate-left', group: 'image', zh: '逆时针旋转 90°', en: 'Rotate 90° anticlockwise', keys: ['['], run: (viewer) => viewer.rotate(-90) },
  { id: 'rotate-none', group: 'image', zh: '旋转回到 0°', en: 'Rotate back to 0°', keys: ['Shift+u'], run: (viewer) => viewer.turnTo(0) },
  { id: 'flip-horizontal', group: 'image', zh: '左右镜像', en: 'Mirror left and right', keys: ['h'], run: (viewer) => viewer.flip('horizontal') },
  { id: 'flip-vertical', group: 'image', zh: '上下镜像', en: 'Mirror top and bottom', keys: ['u'], run: (viewer) => viewer.flip('vertical') },
  { id: 'reset', group: 'image', zh: '重置', en: 'Reset', keys: ['r', '0'], run: (viewer) => viewer.reset() },
  { id: 'zoom-in', group: 'image', zh: '放大', en: 'Zoom in', keys: ['+', '='], run: (viewer) => viewer.zoomBy(1.25) },
  { id: 'zoom-out', group: 'image', zh: '缩小', en: 'Zoom out', keys: ['-'], run: (viewer) => viewer.zoomBy(0.8) },
  { id: 'true-size', group: 'image', zh: '1:1 真实大小', en: '1:1 true size', keys: ['Shift+z'], run: (viewer) => viewer.trueSize() },
  { id: 'previous-image', group: 'view', zh: '上一幅', en: 'Previous image', keys: ['ArrowUp', 'ArrowLeft'], run: (viewer) => viewer.scrollBy(-1) },
  { id: 'next-image', group: 'view', zh: '下一幅', en: 'Next image', keys: ['ArrowDown', 'ArrowRight'], run: (viewer) => viewer.scrollBy(1) },
  { id: 'ten-back', group: 'view', zh: '后退 10 幅', en: 'Ten images back', keys: ['PageUp'], run: (viewer) => viewer.scrollBy(-10) },
  { id: 'ten-on', group: 'view', zh: '前进 10 幅', en: 'Ten images on', keys: ['PageDown'], run: (viewer) => viewer.scrollBy(10) },
  { id: 'first-image', group: 'view', zh: '第一幅', en: 'First image', keys: ['Home'], run: (viewer) => viewer.scrollToEnd(false) },
  { id: 'last-image', group: 'view', zh: '最后一幅', en: 'Last image', keys: ['End'], run: (viewer) => viewer.scrollToEnd(true) },
  { id: 'layout', group: 'view', zh: '下一种布局', en: 'Next layout', keys: ['g'], run: (viewer) => viewer.nextLayout() },
  { id: 'next-hanging', group: 'view', zh: '下一挂片协议', en: 'Next hanging protocol', keys: ['Shift+k'], run: (viewer) => viewer.nextHanging() },
  { id: 'hang-again', group: 'view', zh: '重新挂片', en: 'Hang again', keys: ['Shift+r'], run: (viewer) => viewer.hangAgain() },
  { id: 'bone-age-atlas', group: 'view', zh: '骨龄图谱', en: 'Bone-age atlas', keys: ['Shift+y'], run: (viewer) => viewer.boneAgeAtlas() },
  { id: 'mpr', group: 'view', zh: '多平面重建', en: 'Multiplanar reformatting', keys: ['m'], run: (viewer) => viewer.mpr() },
  tool('crosshair', 'view', 'x', '定位十字线', 'Crosshair'),
  tool('curve', 'view', 'd', '曲面重建', 'Curved reformat'),
  { id: 'rendering', group: 'view', zh: '容积再现', en: 'Volume rendering', keys: ['f'], run: (viewer) => viewer.rendering() },
  { id: 'cine', group: 'view', zh: '播放', en: 'Play', keys: ['k'], run: (viewer) => viewer.toggleCine() },
  { id: 'link', group: 'view', zh: '联动', en: 'Link views', keys: ['j'], run: (viewer) => viewer.toggleLinked() },
  { id: 'planes', group: 'view', zh: '叠加层 (60xx) 显示/隐藏', en: 'Overlay planes (60xx) on or off', keys: ['Shift+v'], run: (viewer) => viewer.setPlanes() },
  { id: 'undo', group: 'edit', zh: '撤销', en: 'Undo', keys: ['Ctrl+z'], run: (viewer) => viewer.undo() },
  { id: 'redo', group: 'edit', zh: '重做', en: 'Redo', keys: ['Ctrl+y', 'Ctrl+Shift+z'], run: (viewer) => viewer.redo() },
  { id: 'remove', group: 'edit', zh: '删除标记', en: 'Delete the marking', keys: ['Delete', 'Backspace'], run: (viewer) => viewer.removeHere() },
  { id: 'finish', group: 'edit', zh: '完成绘制', en: 'Finish the drawing', keys: ['Enter'], run: (viewer) => viewer.finish() },
  { id: 'cancel', group: 'edit', zh: '放弃绘制', en: 'Drop the drawing', keys: ['Escape'], run: (viewer) => viewer.cancel() },
];
