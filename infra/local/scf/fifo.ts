/** First in, first out, in constant time: the waiting events may be a hundred thousand. */
export interface Fifo<T> {
  readonly size: () => number;
  readonly push: (item: T) => void;
  readonly shift: () => T | undefined;
}

const compactAfter = 1024;

export function createFifo<T>(): Fifo<T> {
  let items: (T | undefined)[] = [];
  let head = 0;
  return {
    size: () => items.length - head,
    push: (item) => {
      items.push(item);
    },
    shift: () => {
      if (head === items.length) return undefined;
      const item = items[head];
      items[head++] = undefined;
      if (head >= compactAfter && head * 2 >= items.length) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
  };
}
