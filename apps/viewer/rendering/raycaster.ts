/** Draws a regular grid by ray casting; software graphics are slow, so that a picture can be asked for strip by strip. */
import type { Vector } from '../orientation';
import { add, times, unit } from '../volume/curved/centreline';
import type { CropBox } from './cutting';
import { rightOf, type Eye } from './eye';
import type { RegularGrid } from './regular';
import { BLOCK, FRAGMENT, VERTEX } from './shaders';
import { seen, type Knot } from './templates';

/** Samples of the transfer function over the range of the values. */
const SAMPLES = 1024;

export interface Look {
  knots: readonly Knot[];
  projection: boolean;
  edge: number;
}

/** A grid on the graphics card. */
export interface Texture {
  grid: RegularGrid;
  volume: WebGLTexture;
  occupied: WebGLTexture;
  /** Least and greatest value of each block and its neighbours' edge. */
  spans: Float32Array;
  blocks: [number, number, number];
}

export interface Shot {
  eye: Eye;
  crop: CropBox;
  /** CSS pixels of the view; the picture may have other ones. */
  width: number;
  height: number;
  /** mm from sample to sample. */
  pace: number;
}

export class NoWebgl extends Error {}

export class Raycaster {
  /** Nothing is shown on it: it holds the context. */
  readonly canvas = document.createElement('canvas');
  private readonly gl: WebGL2RenderingContext;
  private readonly program: WebGLProgram;
  private readonly transfer: WebGLTexture;
  private readonly places = new Map<string, WebGLUniformLocation | null>();
  private readonly frame: WebGLFramebuffer;
  private readonly buffer: WebGLRenderbuffer;
  private buffered: [number, number] = [0, 0];
  private look: Look | null = null;
  private readonly shown = new WeakMap<Texture, Look>();

  constructor() {
    const gl = this.canvas.getContext('webgl2', { antialias: false, alpha: false, depth: false });
    if (!gl) throw new NoWebgl('no WebGL 2');
    this.gl = gl;
    this.program = this.build();
    this.transfer = this.texture(gl.TEXTURE_2D, gl.LINEAR);
    [this.frame, this.buffer] = [gl.createFramebuffer(), gl.createRenderbuffer()];
  }

  /** The largest side of a grid this card takes. */
  get largest(): number {
    return Number(this.gl.getParameter(this.gl.MAX_3D_TEXTURE_SIZE));
  }

  get lost(): boolean {
    return this.gl.isContextLost();
  }

  upload(grid: RegularGrid, values: Float32Array): Texture {
    const { gl } = this;
    const [nx, ny, nz] = grid.size;
    const volume = this.texture(gl.TEXTURE_3D, gl.LINEAR);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texImage3D(gl.TEXTURE_3D, 0, gl.R16F, nx, ny, nz, 0, gl.RED, gl.FLOAT, within16(values));
    const blocks = grid.size.map((side) => Math.ceil(side / BLOCK)) as [number, number, number];
    return { grid, volume, occupied: this.texture(gl.TEXTURE_3D, gl.NEAREST), spans: spansOf(grid, values, blocks), blocks };
  }

  drop(texture: Texture): void {
    this.gl.deleteTexture(texture.volume);
    this.gl.deleteTexture(texture.occupied);
  }

  /** How values are seen from now on. */
  setLook(look: Look): void {
    this.look = look;
  }

  /**
   * Some lines of a picture of columns × rows pixels, counted from the bottom; waits until they are there. Drawn beside the canvas and read
   * back: with software graphics handing over a whole canvas costs more than a strip.
   */
  draw(texture: Texture, shot: Shot, columns: number, rows: number, from = 0, lines = rows): ImageData {
    const { gl } = this;
    this.target(columns, lines);
    this.prepare(texture);
    gl.useProgram(this.program);
    gl.viewport(0, -from, columns, rows);
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(0, 0, columns, lines);
    this.aim(texture, shot);
    gl.uniform1f(this.place('above'), from);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    const read = new Uint8Array(columns * lines * 4);
    gl.readPixels(0, 0, columns, lines, gl.RGBA, gl.UNSIGNED_BYTE, read);
    const picture = new ImageData(columns, lines);
    // From the bottom in WebGL, from the top on the page.
    for (let y = 0; y < lines; y += 1) picture.data.set(read.subarray(y * columns * 4, (y + 1) * columns * 4), (lines - 1 - y) * columns * 4);
    return picture;
  }

  /** A buffer of this size at least is drawn into. */
  private target(columns: number, lines: number): void {
    const { gl } = this;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.frame);
    if (columns <= this.buffered[0] && lines <= this.buffered[1]) return;
    this.buffered = [Math.max(columns, this.buffered[0]), Math.max(lines, this.buffered[1])];
    gl.bindRenderbuffer(gl.RENDERBUFFER, this.buffer);
    gl.renderbufferStorage(gl.RENDERBUFFER, gl.RGBA8, ...this.buffered);
    gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.RENDERBUFFER, this.buffer);
  }

  dispose(): void {
    this.gl.getExtension('WEBGL_lose_context')?.loseContext();
  }

  private aim({ grid, blocks }: Texture, { eye, crop, width, height, pace }: Shot): void {
    const { gl } = this;
    const extent = grid.size.map((side) => side * grid.spacing) as [number, number, number];
    const scaled = (v: Vector): [number, number, number] => [v[0] / extent[0], v[1] / extent[1], v[2] / extent[2]];
    const vector = (name: string, [x, y, z]: readonly [number, number, number]): void => gl.uniform3f(this.place(name), x, y, z);
    const right = rightOf(eye);
    vector('middle', scaled(add(eye.centre, grid.corner, -1)));
    vector('across', scaled(times(right, (width / 2) * eye.scale)));
    vector('upwards', scaled(times(eye.up, (height / 2) * eye.scale)));
    vector('onward', scaled(eye.onward));
    vector('light', unit(add(add(times(eye.onward, -1), eye.up, 0.35), right, -0.25)));
    vector('low', [crop[0][0], crop[1][0], crop[2][0]]);
    vector('high', [crop[0][1], crop[1][1], crop[2][1]]);
    vector('size', grid.size);
    vector('blocks', blocks);
    gl.uniform2f(this.place('range'), grid.least, 1 / (grid.most - grid.least || 1));
    gl.uniform1f(this.place('pace'), pace);
    gl.uniform1f(this.place('voxel'), grid.spacing);
    gl.uniform1f(this.place('edge'), this.look?.edge ?? 0);
    gl.uniform1i(this.place('projection'), this.look?.projection ? 1 : 0);
  }

  /** Binds the textures; the transfer function and the map of what is empty follow the look. */
  private prepare(texture: Texture): void {
    const { gl, look } = this;
    const { grid, blocks, spans } = texture;
    const bind = (unit0: number, target: number, of: WebGLTexture, name: string): void => {
      gl.activeTexture(gl.TEXTURE0 + unit0);
      gl.bindTexture(target, of);
      gl.useProgram(this.program);
      gl.uniform1i(this.place(name), unit0);
    };
    bind(0, gl.TEXTURE_3D, texture.volume, 'volume');
    bind(1, gl.TEXTURE_2D, this.transfer, 'transfer');
    bind(2, gl.TEXTURE_3D, texture.occupied, 'occupied');
    if (!look) return;
    const table = new Uint8Array(SAMPLES * 4);
    const reached = new Float32Array(SAMPLES + 1);
    for (let i = 0; i < SAMPLES; i += 1) {
      const { opacity, colour } = seen(look.knots, grid.least + ((i + 0.5) / SAMPLES) * (grid.most - grid.least));
      table.set([colour[0] * 255, colour[1] * 255, colour[2] * 255, opacity * 255].map(Math.round), i * 4);
      reached[i + 1] = (reached[i] as number) + opacity;
    }
    gl.activeTexture(gl.TEXTURE1);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, SAMPLES, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, table);
    if (this.shown.get(texture) === look) return;
    this.shown.set(texture, look);
    const map = new Uint8Array(blocks[0] * blocks[1] * blocks[2]);
    const bin = (value: number): number => Math.min(SAMPLES, Math.max(0, ((value - grid.least) / (grid.most - grid.least || 1)) * SAMPLES));
    for (let i = 0; i < map.length; i += 1) {
      const [low, high] = [Math.max(0, Math.floor(bin(spans[2 * i] as number)) - 1), Math.min(SAMPLES, Math.ceil(bin(spans[2 * i + 1] as number)) + 1)];
      map[i] = (reached[high] as number) - (reached[low] as number) > 1e-4 ? 255 : 0;
    }
    gl.activeTexture(gl.TEXTURE2);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texImage3D(gl.TEXTURE_3D, 0, gl.R8, ...blocks, 0, gl.RED, gl.UNSIGNED_BYTE, map);
  }

  private place(name: string): WebGLUniformLocation | null {
    let place = this.places.get(name);
    if (place === undefined) {
      place = this.gl.getUniformLocation(this.program, name);
      this.places.set(name, place);
    }
    return place;
  }

  private texture(target: number, filter: number): WebGLTexture {
    const { gl } = this;
    const texture = gl.createTexture();
    gl.bindTexture(target, texture);
    for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R]) gl.texParameteri(target, name, gl.CLAMP_TO_EDGE);
    gl.texParameteri(target, gl.TEXTURE_MIN_FILTER, filter);
    gl.texParameteri(target, gl.TEXTURE_MAG_FILTER, filter);
    return texture;
  }

  private build(): WebGLProgram {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
      const shader = gl.createShader(kind) as WebGLShader;
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new NoWebgl(gl.getShaderInfoLog(shader) ?? 'shader');
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new NoWebgl(gl.getProgramInfoLog(program) ?? 'program');
    return program;
  }
}

/** Half floats end at 65504. */
function within16(values: Float32Array): Float32Array {
  let far = 0;
  for (const value of values) far = Math.max(far, Math.abs(value));
  return far <= 65504 ? values : values.map((value) => Math.min(65504, Math.max(-65504, value)));
}

function spansOf({ size: [nx, ny, nz] }: RegularGrid, values: Float32Array, [bx, by, bz]: [number, number, number]): Float32Array {
  const spans = new Float32Array(bx * by * bz * 2);
  for (let i = 0; i < spans.length; i += 2) [spans[i], spans[i + 1]] = [Infinity, -Infinity];
  const note = (x: number, y: number, z: number, value: number): void => {
    const i = 2 * ((z * by + y) * bx + x);
    if (value < (spans[i] as number)) spans[i] = value;
    if (value > (spans[i + 1] as number)) spans[i + 1] = value;
  };
  // Interpolation reaches one voxel further: what lies at the wall of a block belongs to its neighbour too.
  const of = (at: number, count: number): [number, number] => [Math.max(0, at - 1) >> 3, Math.min(count - 1, (at + 1) >> 3)];
  const onX = Array.from({ length: nx }, (_, x) => of(x, bx));
  for (let z = 0; z < nz; z += 1) {
    const [z0, z1] = of(z, bz);
    for (let y = 0; y < ny; y += 1) {
      const [y0, y1] = of(y, by);
      const row = (z * ny + y) * nx;
      for (let x = 0; x < nx; x += 1) {
        const value = values[row + x] as number;
        const [x0, x1] = onX[x] as [number, number];
        for (let k = z0; k <= z1; k += 1) for (let j = y0; j <= y1; j += 1) for (let i = x0; i <= x1; i += 1) note(i, j, k, value);
      }
    }
  }
  return spans;
}
