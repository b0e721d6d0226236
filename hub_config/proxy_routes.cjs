// Routing table of configurable-http-proxy that is complete before the proxy opens its port.
//
// The proxy's own memory store is empty after a restart until somebody posts the routes again; in that gap every live page gets a 404 and
// its event stream ends for good. This store reads the fixed routes from the JSON file $HUB_ROUTES ({"/prefix": {"target": …}}) when it is made.
//
// The proxy runs with --host-routing: paths to look up begin with the host name. "//name" is a route for everything under that host name;
// all other names lead to the same routes without a name.
"use strict";

const fs = require("node:fs");

function clean(path) {
  const whole = path.startsWith("/") ? path : `/${path}`;
  return whole.length > 1 ? whole.replace(/\/+$/, "") || "/" : whole;
}

module.exports = class FixedRoutes {
  constructor() {
    this.routes = new Map(Object.entries(JSON.parse(fs.readFileSync(process.env.HUB_ROUTES, "utf8"))));
  }

  cleanPath(path) {
    return clean(path);
  }

  async get(path) {
    return this.routes.get(clean(path));
  }

  /** The route of the host name, else the longest one whose whole path segments begin the path. `whole` is /host/path. */
  async getTarget(whole) {
    const [, host, path] = /^\/([^/]*)(.*)$/s.exec(whole);
    const own = `//${host.toLowerCase()}`;
    if (this.routes.has(own)) return { prefix: own, data: this.routes.get(own) };
    for (let prefix = clean(path); ; prefix = clean(prefix.slice(0, prefix.lastIndexOf("/")) || "/")) {
      const data = this.routes.get(prefix);
      if (data) return { prefix, data };
      if (prefix === "/") return undefined;
    }
  }

  async getAll() {
    return Object.fromEntries(this.routes);
  }

  async add(path, data) {
    this.routes.set(clean(path), data);
    return null;
  }

  async update(path, data) {
    Object.assign(this.routes.get(clean(path)) ?? {}, data);
  }

  async remove(path) {
    const data = this.routes.get(clean(path));
    this.routes.delete(clean(path));
    return data;
  }
};
