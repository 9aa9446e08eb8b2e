import { Agent } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import COS from 'cos-nodejs-sdk-v5';
import { cosError } from './cos-error';
import { createWire, type Wire } from './wire';

/** A key pair of CAM; `token` with temporary ones. */
export interface CosCredentials {
  readonly secretId: string;
  readonly secretKey: string;
  readonly token: string | undefined;
}

/** COS through its SDK, one HTTP request per call. */
export interface CosClient {
  /**
   * Runs one SDK call. `effect` says what a missing answer means: a `write` may have happened.
   * Fails with a ReplicationError.
   */
  call<Data>(
    api: string,
    effect: 'read' | 'write',
    run: (sdk: COS) => Promise<Data>,
  ): Promise<CosReply<Data>>;
}

export interface CosReply<Data> {
  readonly data: Data;
  /** The server's clock; `undefined` if it sent none. */
  readonly dateMs: number | undefined;
}

export interface CosClientSettings {
  /** Read for every request: SCF renews temporary keys under a running instance. */
  readonly credentials: () => CosCredentials;
  /** Read when a call begins: how long it may take, from its beginning to the last byte of its answer. */
  readonly requestTimeoutMs: () => number;
  readonly socketsMax: number;
  /** Milliseconds, by any clock that goes on while nothing runs. */
  readonly now: () => number;
}

/** Connections that nothing was sent on for so long are not used again: less than servers and gateways keep them. */
const idleMsMax = 4_000;

/**
 * The SDK sends a request that failed up to three more times within milliseconds. A write that is sent again while
 * the first may still land makes a second version or marker, unseen, so here each call is one request: the second
 * signature is refused, and what the wire answered to the first is reported instead. For that every call gets an
 * SDK object of its own, which costs little; the sockets are shared.
 */
export function createCosClient(settings: CosClientSettings): CosClient {
  const options = { keepAlive: true, maxSockets: settings.socketsMax };
  const agents = { 'http:': new Agent(options), 'https:': new SecureAgent(options) };
  let usedMs = settings.now();
  /** A frozen instance does not hear that its connections are gone; what is sent on one of them is lost. */
  const dropIdle = (): void => {
    const nowMs = settings.now();
    if (nowMs - usedMs > idleMsMax)
      for (const agent of Object.values(agents))
        for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy();
    usedMs = nowMs;
  };

  return {
    async call(api, effect, run) {
      dropIdle();
      const wire = createWire();
      let signed = false;
      const sdk = new COS({
        Protocol: 'https:',
        AutoSwitchHost: false,
        CorrectClockSkew: false,
        // A key is what COS lists. The SDK would take a leading slash off, which makes it another one.
        UseRawKey: true,
        // And it would not send a GET of a key such as `.`.
        ObjectKeySimplifyCheck: false,
        // The SDK keeps a file of unfinished uploads; only this folder can be written in a function.
        ConfCwd: '/tmp',
        getAuthorization: (request, answer) => {
          if (signed) return answer('');
          signed = true;
          return answer(authorize(request, settings.credentials()));
        },
      });
      // The SDK emits it with its request's options, just before they are sent; its types do not say so.
      sdk.on('before-send', (sent: unknown) => prepare(sent as SentRequest, agents, wire));
      try {
        const data = await wire.within(settings.requestTimeoutMs(), () => run(sdk));
        return { data, dateMs: wire.report.dateMs };
      } catch (thrown) {
        throw cosError(api, effect, wire.report, thrown);
      }
    },
  };
}

interface SentRequest {
  url: string;
  headers: Record<string, unknown>;
  agent?: Agent;
}

type GetAuthorization = NonNullable<COS.COSOptions['getAuthorization']>;
type AuthorizationRequest = Parameters<GetAuthorization>[0];
type Answer = Parameters<GetAuthorization>[1];

function authorize(request: AuthorizationRequest, keys: CosCredentials): Parameters<Answer>[0] {
  const Authorization = COS.getAuthorization({
    SecretId: keys.secretId,
    SecretKey: keys.secretKey,
    Method: request.Method as COS.Method,
    Pathname: request.Pathname,
    Query: request.Query,
    Headers: request.Headers,
  } as COS.StaticGetAuthorizationOptions);
  // The SDK takes a finished signature with its token; its types only know temporary keys or a bare signature.
  return { Authorization, SecurityToken: keys.token ?? '' } as unknown as Parameters<Answer>[0];
}

function prepare(sent: SentRequest, agents: Record<'http:' | 'https:', Agent>, wire: Wire): void {
  // putObjectCopy always adds an empty Cache-Control, unsigned; what COS makes of it is unknown.
  if (sent.headers['Cache-Control'] === '') delete sent.headers['Cache-Control'];
  for (const [name, value] of Object.entries(sent.headers)) {
    // The signature is over the text; the wire carries its UTF-8 bytes, which Node takes as one character each.
    if (typeof value === 'string') sent.headers[name] = Buffer.from(value, 'utf8').toString('latin1');
  }
  sent.agent = wire.over(sent.url.startsWith('http:') ? agents['http:'] : agents['https:']);
}
