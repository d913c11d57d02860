// All state is in the address: the path names the page, the query its state. Relative, so that any prefix works.

import { signal } from "@preact/signals";

/** Where the pages begin: the path prefix of the server, ending in `/`. */
export const base: string = new URL(document.baseURI).pathname.replace(/[^/]*$/, "");

/** An address within the server. */
export interface Place {
  /** Without the prefix and the leading `/`: `explore`, `targets`. */
  path: string;
  params: URLSearchParams;
}

function read(): Place {
  const path = location.pathname.startsWith(base) ? location.pathname.slice(base.length) : "";
  return { path: path.replace(/\/+$/, ""), params: new URLSearchParams(location.search) };
}

/** Where the browser is. */
export const place = signal<Place>(read());

addEventListener("popstate", () => {
  place.value = read();
});

/** The link to a place. */
export function link(path: string, params?: URLSearchParams | Record<string, string>): string {
  const query = new URLSearchParams(params).toString();
  return `${base}${path}${query === "" ? "" : `?${query}`}`;
}

/** Goes to a place; the browser's back button leads here again. */
export function go(href: string): void {
  history.pushState(null, "", href);
  place.value = read();
}

/** Changes parameters of the page in place, without a step in the history. `null` takes one away. */
export function setParams(changes: Record<string, string | null>, push = false): void {
  const params = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) params.delete(name);
    else params.set(name, value);
  }
  const query = params.toString();
  const href = `${location.pathname}${query === "" ? "" : `?${query}`}`;
  if (push) history.pushState(null, "", href);
  else history.replaceState(null, "", href);
  place.value = read();
}

/** Links within the server change the page without loading it anew. */
export function followLinks(root: HTMLElement): void {
  root.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const anchor = (event.target as Element).closest("a[href]");
    if (!(anchor instanceof HTMLAnchorElement) || anchor.target !== "" || anchor.hasAttribute("download")) return;
    const url = new URL(anchor.href);
    const ours = url.origin === location.origin && url.pathname.startsWith(base);
    const served = ["api/", "metrics", "-/", "federate"].some((start) => url.pathname.slice(base.length).startsWith(start));
    if (!ours || served) return;
    event.preventDefault();
    go(url.pathname + url.search);
  });
}
