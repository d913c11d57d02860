// Parses large answers away from the page.

import { pack } from "./packed";

self.onmessage = (event: MessageEvent<{ id: number; text: string }>) => {
  const { id, text } = event.data;
  try {
    const value: unknown = JSON.parse(text);
    const transfer = pack(value);
    self.postMessage({ id, value }, { transfer });
  } catch (error) {
    self.postMessage({ id, error: String(error) });
  }
};
