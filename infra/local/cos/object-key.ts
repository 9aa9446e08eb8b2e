import { CosError } from './cos-error';

const keyBytesMax = 850;

/** A key, by its bytes. Fails with KeyTooLong or InvalidURI. Source: https://www.tencentcloud.com/document/product/436/13324 */
export function checkedKey(bytes: Buffer): string {
  if (bytes.length > keyBytesMax) throw new CosError('KeyTooLong');
  const key = bytes.toString();
  // eslint-disable-next-line no-control-regex -- COS refuses exactly these
  if (/^[/\\]/.test(key) || /[\u0018-\u001b]/.test(key)) throw new CosError('InvalidURI');
  if (!Buffer.from(key).equals(bytes)) throw new CosError('InvalidURI', 'The key is not UTF-8.');
  return key;
}
