import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** A small table that outlives its process: each change is in its file, whole or not at all, before the call returns. */
export class KeptMap<Key, Value> extends Map<Key, Value> {
  private readonly file: string;

  /** Fails if the file cannot be read. */
  constructor(file: string) {
    super();
    this.file = file;
    if (!existsSync(file)) return;
    const kept = JSON.parse(readFileSync(file, 'utf8')) as [Key, Value][];
    for (const [key, value] of kept) super.set(key, value);
  }

  override set(key: Key, value: Value): this {
    this.write(new Map(this).set(key, value));
    return super.set(key, value);
  }

  override delete(key: Key): boolean {
    const left = new Map(this);
    left.delete(key);
    this.write(left);
    return super.delete(key);
  }

  private write(next: ReadonlyMap<Key, Value>): void {
    mkdirSync(path.dirname(this.file), { recursive: true });
    writeFileSync(`${this.file}.new`, JSON.stringify([...next]), { mode: 0o600 });
    renameSync(`${this.file}.new`, this.file);
  }
}

/** Opens a table by its name. */
export type OpenTable = <Key, Value>(name: string) => Map<Key, Value>;

export function tablesIn(dir: string): OpenTable {
  return (name) => new KeptMap(path.join(dir, `${name}.json`));
}

/** For a cloud that forgets. */
export const forgottenTables: OpenTable = () => new Map();
