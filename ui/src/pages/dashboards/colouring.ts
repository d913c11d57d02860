// One colour for each label set, the same in all panels of a dashboard.

import type { LabelSet } from "../../api/types";

/** Places of label sets among those of the same labels. */
export class Places {
  private readonly kinds = new Map<string, Map<string, number>>();

  /** The place of what these labels name; `name` tells lines without labels apart. */
  of(labels: LabelSet, name: string): number {
    const { __name__: _, ...rest } = labels;
    const keys = Object.keys(rest).sort();
    const kind = keys.join(",");
    const places = this.kinds.get(kind) ?? new Map<string, number>();
    this.kinds.set(kind, places);
    const key = keys.length === 0 ? name : JSON.stringify(keys.map((one) => rest[one]));
    const place = places.get(key) ?? places.size;
    places.set(key, place);
    return place;
  }
}
