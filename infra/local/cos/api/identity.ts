import type { Exchange } from '../exchange';
import type { Caller } from '../accounts';
import { node, type XmlNode } from '../xml';

const anyone = 'qcs::cam::anyone:anyone';

/** Who began an upload, as listings name them. */
export function initiatorOf({ caller }: Exchange & { readonly caller: Caller | undefined }): string {
  return caller ? `qcs::cam::uin/${caller.account.uin}:uin/${caller.uin}` : anyone;
}

export function initiatorNode(initiator: string): XmlNode {
  return node('Initiator', [
    node('ID', initiator),
    node('DisplayName', initiator.split(/[:/]/).at(-1) ?? ''),
  ]);
}

/** The owner in listings is the account. */
export function ownerNode(appid: string): XmlNode {
  return node('Owner', [node('ID', appid), node('DisplayName', appid)]);
}
