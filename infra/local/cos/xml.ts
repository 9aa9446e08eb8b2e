import { XMLBuilder, XMLParser } from 'fast-xml-parser';

/** An element in document order; the order is part of what a listing says. */
export type XmlNode = Readonly<Record<string, readonly (XmlNode | { readonly '#text': string })[]>>;

const builder = new XMLBuilder({ preserveOrder: true, suppressEmptyNode: true, format: false });

export function node(name: string, content: string | readonly (XmlNode | undefined)[]): XmlNode {
  if (typeof content === 'string') return { [name]: content === '' ? [] : [{ '#text': content }] };
  return { [name]: content.filter((child) => child !== undefined) };
}

/** The declaration as COS writes it. */
export function document(root: XmlNode): string {
  return `<?xml version='1.0' encoding='utf-8' ?>\n${builder.build([root])}`;
}

const parser = new XMLParser({
  ignoreAttributes: true,
  ignoreDeclaration: true,
  parseTagValue: false,
  // A tag's value may begin or end with a space.
  trimValues: false,
  isArray: (name) => name === 'Tag',
});

/** A request document as nested objects, or `undefined` if it is none. */
export function parseDocument(xml: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = parser.parse(xml, true);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Follows names into a parsed document. */
export function within(value: unknown, ...names: readonly string[]): unknown {
  return names.reduce<unknown>(
    (inner, name) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[name] : undefined,
    value,
  );
}
