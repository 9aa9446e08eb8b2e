import { CosError } from '../cos-error';
import { type Exchange, param } from '../exchange';
import { encoded } from '../signature';
import { node, type XmlNode } from '../xml';

/** A whole number; `undefined`: the request has none. Fails with InvalidArgument. */
export function wholeNumberParam(exchange: Exchange, name: string): number | undefined {
  const text = param(exchange, name);
  if (text === undefined || text === '') return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new CosError('InvalidArgument', `${name} must be a number.`);
  return Number(text);
}

/** How a listing writes keys: `encoding-type=url` percent-encodes them, which is said in the document. */
export function shownNames(exchange: Exchange): {
  readonly shown: (text: string) => string;
  readonly encodingNode: XmlNode | undefined;
} {
  const encoding = param(exchange, 'encoding-type');
  if (encoding !== undefined && encoding !== '' && encoding !== 'url')
    throw new CosError('InvalidArgument', 'encoding-type must be url.');
  if (encoding !== 'url') return { shown: (text) => text, encodingNode: undefined };
  return {
    shown: (text) => encoded(Buffer.from(text)).replaceAll('%2F', '/'),
    encodingNode: node('EncodingType', 'url'),
  };
}
