import { parsePolicy } from '../access/policy';
import { CosError, type CosErrorCode } from '../cos-error';
import { parseCorsRules } from '../cors';
import { type BucketExchange, type Headers, reply, replyXml } from '../exchange';
import { checkedTags } from '../object-headers';
import { readDocument } from '../read-body';
import { parseDocument, within } from '../xml';
import { checkReplication } from './replication-document';
import { tagsOfDocument } from './tagging';

/** A document of a bucket that is put, returned and deleted as a whole. */
export interface BucketDocument {
  /** As in the names of the actions: GetBucket..., PutBucket..., DeleteBucket... */
  readonly actionName: string;
  /** When there is none. */
  readonly missing: CosErrorCode;
  /** What PUT answers. */
  readonly putStatus: 200 | 204;
  /** Fails with a CosError. */
  readonly check: (text: string, exchange: BucketExchange) => void | Promise<void>;
  /** More headers of PUT. */
  readonly putHeaders?: (exchange: BucketExchange) => Headers;
  /** More headers of GET. */
  readonly headers?: (putMs: number) => Headers;
  readonly contentType?: string;
}

/** By sub-resource. */
export const bucketDocuments: Readonly<Record<string, BucketDocument>> = {
  // https://www.tencentcloud.com/document/product/436/8282
  policy: {
    actionName: 'Policy',
    missing: 'NoSuchPolicy',
    putStatus: 204,
    check: (text) => {
      const policy = parsePolicy(text);
      if (!policy || policy.some((statement) => statement.principal === undefined))
        throw new CosError('MalformedPolicy');
    },
    contentType: 'application/json',
  },
  // https://www.tencentcloud.com/document/product/436/8279
  cors: {
    actionName: 'CORS',
    missing: 'NoSuchCORSConfiguration',
    putStatus: 200,
    check: (text) => {
      if (!parseCorsRules(text)) throw new CosError('MalformedXML');
    },
  },
  // https://www.tencentcloud.com/document/product/436/34838
  tagging: {
    actionName: 'Tagging',
    missing: 'NoSuchTagSet',
    putStatus: 204,
    check: (text) => void checkedTags(tagsOfDocument(text), 'InvalidTag'),
  },
  // https://www.tencentcloud.com/document/product/436/8280; stored only, nothing expires
  lifecycle: {
    actionName: 'Lifecycle',
    missing: 'NoSuchLifecycleConfiguration',
    putStatus: 200,
    check: (text) => {
      const rules = within(parseDocument(text, ['Rule']), 'LifecycleConfiguration', 'Rule');
      if (!Array.isArray(rules) || rules.length > lifecycleRulesMax) throw new CosError('MalformedXML');
    },
  },
  // https://www.tencentcloud.com/document/product/436/19223; stored only, nothing is replicated by it
  replication: {
    actionName: 'Replication',
    missing: 'ReplicationConfigurationnotFoundError',
    putStatus: 200,
    check: checkReplication,
    putHeaders: ({ bucket }) => ({ 'x-cos-bucket-region': bucket.region }),
    headers: (putMs) => ({ 'x-cos-replication-rule-creation-time': new Date(putMs).toUTCString() }),
  },
};

const lifecycleRulesMax = 1000;

export function getDocument(name: string, { missing, headers, contentType }: BucketDocument) {
  return async (exchange: BucketExchange): Promise<void> => {
    const document = await exchange.store.index.document(exchange.bucket.name, name);
    if (!document) throw new CosError(missing);
    replyXml(exchange, 200, document.text, {
      ...(contentType === undefined ? {} : { 'Content-Type': contentType }),
      ...headers?.(document.putMs),
    });
  };
}

export function putDocument(name: string, { check, putStatus, putHeaders }: BucketDocument) {
  return async (exchange: BucketExchange): Promise<void> => {
    const text = await readDocument(exchange);
    await check(text, exchange);
    await exchange.store.setDocument(exchange.bucket, name, { text, putMs: exchange.nowMs });
    reply(exchange, putStatus, putHeaders?.(exchange));
  };
}

export function deleteDocument(name: string) {
  return async (exchange: BucketExchange): Promise<void> => {
    await exchange.store.setDocument(exchange.bucket, name, undefined);
    reply(exchange, 204);
  };
}
