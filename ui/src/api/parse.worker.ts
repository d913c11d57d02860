// Parses large answers away from the page.

import { pack } from "./packed";

self.onmessage = (event: MessageEvent<{ id: number; bytes: ArrayBuffer }>) => {
  const { id, bytes } = event.data;
  try {
    const packed = pack(new TextDecoder().decode(bytes));
    self.postMessage({ id, packed }, { transfer: packed.numbers ? [packed.numbers.buffer] : [] });
  } catch (error) {
    self.postMessage({ id, error: String(error) });
  }
};
