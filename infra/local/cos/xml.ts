import { XMLBuilder, XMLParser } from 'fast-xml-parser';

/** An element in document order; the order is part of what a listing says. */
export interface XmlNode {
  readonly [name: string]: readonly (XmlNode | { readonly '#text': string })[] | XmlAttributes;
}

type XmlAttributes = Readonly<Record<`@_${string}`, string>>;

const builder = new XMLBuilder({
  preserveOrder: true,
  suppressEmptyNode: true,
  format: false,
  ignoreAttributes: false,
});

export function node(
  name: string,
  content: string | readonly (XmlNode | undefined)[],
  attributes?: Readonly<Record<string, string>>,
): XmlNode {
  const text = typeof content === 'string';
  const inside = text
    ? content === ''
      ? []
      : [{ '#text': content }]
    : content.filter((child) => child !== undefined);
  if (!attributes) return { [name]: inside };
  const named = Object.entries(attributes).map(([key, value]) => [`@_${key}`, value]);
  return { [name]: inside, ':@': Object.fromEntries(named) as XmlAttributes };
}

/** As COS writes it. */
export const declaration = "<?xml version='1.0' encoding='utf-8' ?>\n";

export function document(root: XmlNode): string {
  return declaration + element(root);
}

export function element(root: XmlNode): string {
  return builder.build([root]);
}

/** A request document as nested objects, or `undefined` if it is none. `lists`: the elements that may be repeated. */
export function parseDocument(
  xml: string,
  lists: readonly string[],
): Readonly<Record<string, unknown>> | undefined {
  try {
    const parser = new XMLParser({
      ignoreAttributes: true,
      ignoreDeclaration: true,
      parseTagValue: false,
      // Of these only numeric references are meant: Go writes a quote as `&#34;`.
      htmlEntities: true,
      // A tag's value may begin or end with a space.
      trimValues: false,
      isArray: (name) => lists.includes(name),
    });
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
