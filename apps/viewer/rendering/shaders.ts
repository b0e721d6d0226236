/** Ray casting through a 3D texture, front to back (Levoy 1988), for WebGL 2. Lengths are texture coordinates where not said otherwise. */
export const VERTEX = `#version 300 es
out vec2 at;
void main() {
  vec2 corner = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
  at = corner * 2.0 - 1.0;
  gl_Position = vec4(at, 0.0, 1.0);
}`;

export const FRAGMENT = `#version 300 es
precision highp float;
precision highp sampler3D;
uniform sampler3D volume;
uniform sampler2D transfer;   // colour, and opacity of one mm
uniform sampler3D occupied;   // blocks in which the transfer shows anything
uniform vec3 middle;          // of the picture
uniform vec3 across;          // half a picture to the right
uniform vec3 upwards;         // half a picture up
uniform vec3 onward;          // one mm into the screen
uniform vec3 light;           // towards the light, LPS
uniform vec3 low;
uniform vec3 high;
uniform vec3 size;            // voxels
uniform vec3 blocks;
uniform vec2 range;           // least value, 1 / (most - least)
uniform float pace;           // mm
uniform float voxel;          // mm
uniform float edge;           // rise per mm that is fully seen; 0: everything is
uniform bool projection;
uniform float above;          // line of the picture in which this strip begins
in vec2 at;
out vec4 colour;

const float BLOCK = 8.0;

float value(vec3 p) { return texture(volume, p).r; }

void main() {
  vec3 from = middle + at.x * across + at.y * upwards;
  vec3 way = onward + vec3(equal(onward, vec3(0.0))) * 1e-7;
  vec3 a = (low - from) / way, b = (high - from) / way;
  vec3 nearest = min(a, b), furthest = max(a, b);
  float t = max(max(nearest.x, nearest.y), nearest.z), end = min(min(furthest.x, furthest.y), furthest.z);
  // Always the same at the same pixel: a picture at rest does not shimmer.
  t += pace * fract(sin(dot(gl_FragCoord.xy + vec2(0.0, above), vec2(12.9898, 78.233))) * 43758.5453);
  vec3 sum = vec3(0.0);
  float left = 1.0, most = -1e30;
  for (int i = 0; i < 4096; i += 1) {
    if (t >= end || left < 0.02) break;
    vec3 p = from + way * t;
    if (!projection) {
      vec3 block = floor(clamp(p, vec3(0.0), vec3(0.999999)) * size / BLOCK);
      if (texelFetch(occupied, ivec3(block), 0).r < 0.5) {
        vec3 wall = (block + vec3(greaterThan(way, vec3(0.0)))) * BLOCK / size;
        vec3 out3 = (wall - from) / way;
        t = max(t + pace * 0.5, min(min(out3.x, out3.y), out3.z) + pace * 0.01);
        continue;
      }
    }
    float v = value(p);
    if (projection) {
      most = max(most, v);
      t += pace;
      continue;
    }
    vec4 seen = texture(transfer, vec2((v - range.x) * range.y, 0.5));
    if (seen.a > 0.0005) {
      vec3 e = 1.0 / size;
      vec3 rise = vec3(value(p + vec3(e.x, 0.0, 0.0)) - value(p - vec3(e.x, 0.0, 0.0)), value(p + vec3(0.0, e.y, 0.0)) - value(p - vec3(0.0, e.y, 0.0)), value(p + vec3(0.0, 0.0, e.z)) - value(p - vec3(0.0, 0.0, e.z))) / (2.0 * voxel);
      float steep = length(rise);
      float alpha = 1.0 - pow(1.0 - min(seen.a, 0.999), pace);
      if (edge > 0.0) alpha *= clamp(steep / edge, 0.0, 1.0);
      float face = steep > 1e-6 ? abs(dot(rise / steep, light)) : 0.6;
      vec3 lit = seen.rgb * (0.25 + 0.75 * face) + vec3(0.18) * pow(face, 24.0);
      sum += left * alpha * lit;
      left *= 1.0 - alpha;
    }
    t += pace;
  }
  if (projection) colour = most > -1e29 ? vec4(texture(transfer, vec2((most - range.x) * range.y, 0.5)).rgb * texture(transfer, vec2((most - range.x) * range.y, 0.5)).a, 1.0) : vec4(0.0, 0.0, 0.0, 1.0);
  else colour = vec4(sum, 1.0);
}`;

/** Side of a block of the map of what is empty, voxels. */
export const BLOCK = 8;
