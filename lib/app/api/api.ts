import { OpenAPIHono } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';
import { secureHeaders } from 'hono/secure-headers';
import { ReplicationError } from '../../domain/error';
import { problem } from '../../domain/problem';
import type { Clock, Logger } from '../ports';
import { RequestRefused } from '../request-refused';
import type { RuleService } from '../rules';
import { type CheckPorts, checkOperations } from './check-operations';
import { authenticate, verifySignature } from './credential';
import { apiDocument, registerDocument } from './document';
import { type Ask, type Environment, type Operation, refuse } from './environment';
import { answerNative, refuseNative } from './native/native-api';
import { documentPage, pagePolicy } from './page';
import { createRateLimit, type RateSettings } from './rate-limit';
import { revisionOperations } from './revision-operations';
import { ruleOperations } from './rule-operations';
import { problemsOf } from './rule-schema';

export interface ApiPorts {
  readonly rules: RuleService;
  readonly checks: CheckPorts;
  readonly log: Logger;
  readonly clock: Clock;
  readonly settings: ApiSettings;
}

export interface ApiSettings {
  readonly masterSecret: string;
  /** Credentials of older generations are refused. */
  readonly generationMin: number;
  /** Of one credential, and of all callers without one, at one instance. */
  readonly rate: RateSettings;
  /** Origins of pages that may call the API; none: no page may. */
  readonly corsOrigins: readonly string[];
}

const bodyBytesMax = 64 * 1024;
/** A thousand rules in COS's own form. */
const nativeBodyBytesMax = 1024 * 1024;

/** The rule API: `Request -> Response`, nothing else. Refusals are `{ problems: [{ code, path, message }] }`. */
export function createApi(ports: ApiPorts): OpenAPIHono<Environment> {
  const { settings, clock } = ports;
  const allowed = createRateLimit(clock, settings.rate);
  const api = new OpenAPIHono<Environment>({
    defaultHook: (result, ask) => {
      return result.success ? undefined : refuse(ask, 400, problemsOf(result.error, `/${result.target}`));
    },
  });

  api.use('*', secureHeaders());
  api.use('*', async (ask, next) => {
    await next();
    ask.header('Cache-Control', 'no-store');
    if (!ask.res.headers.has('content-security-policy')) {
      ask.header('Content-Security-Policy', "default-src 'none'");
    }
  });
  if (settings.corsOrigins.length > 0) {
    const exposeHeaders = ['ETag', 'Retry-After'];
    api.use('/v1/*', cors({ origin: [...settings.corsOrigins], exposeHeaders, maxAge: 600 }));
  }

  registerDocument(api);
  // What the API is, anybody may read; it is the same everywhere.
  api.get('/v1/openapi.json', (ask) => ask.json(apiDocument(api)));
  api.get('/v1/docs', async (ask) => {
    const page = await documentPage(apiDocument(api));
    return ask.html(page, 200, { 'Content-Security-Policy': pagePolicy });
  });

  addNative(api, ports, allowed);
  api.use('*', async (ask, next) => {
    const { masterSecret, generationMin } = settings;
    const credential = authenticate(masterSecret, generationMin, ask.req.header('authorization'));
    const waitSeconds = allowed(credential?.id ?? '');
    if (waitSeconds > 0) {
      ask.header('Retry-After', String(Math.ceil(waitSeconds)));
      const message = `More than ${settings.rate.perSecond} requests a second; wait for Retry-After seconds.`;
      return refuse(ask, 429, [problem('TooManyRequests', '', message)]);
    }
    if (!credential) {
      ask.header('WWW-Authenticate', 'Bearer');
      const message =
        'Send the header "Authorization: Bearer <credential id>:<secret>" with a valid credential.';
      return refuse(ask, 401, [problem('Unauthorized', '', message)]);
    }
    ask.set('credential', credential);
    return next();
  });
  api.use(
    '*',
    bodyLimit({
      maxSize: bodyBytesMax,
      onError: (ask) =>
        refuse(ask, 413, [problem('BodyTooLarge', '', `The body is larger than ${bodyBytesMax} bytes.`)]),
    }),
  );

  const operations = [
    ...ruleOperations(ports.rules),
    ...revisionOperations(ports.rules),
    ...checkOperations(ports.rules, ports.checks),
  ];
  for (const operation of operations) addOperation(api, operation);

  api.notFound((ask) => {
    const others = operations.filter(({ route }) => pathPattern(route.path).test(ask.req.path));
    if (others.length > 0) {
      const methods = others.map(({ route }) => route.method.toUpperCase()).join(', ');
      ask.header('Allow', methods);
      return refuse(ask, 405, [problem('MethodNotAllowed', '', `${ask.req.path} takes ${methods}.`)]);
    }
    const message = `There is no ${ask.req.method} ${ask.req.path.slice(0, 200)}; GET /v1/docs shows what there is.`;
    return refuse(ask, 404, [problem('NoSuchRoute', '', message)]);
  });

  api.onError((thrown, ask) => {
    if (thrown instanceof RequestRefused) return refuse(ask, thrown.status, thrown.problems, thrown.current);
    const code = thrown instanceof ReplicationError ? thrown.code : 'UNEXPECTED';
    const hint =
      thrown instanceof ReplicationError ? thrown.hint : 'This is a defect; the log has its trace.';
    ports.log.error('request failed', { code, detail: thrown.message, hint, trace: thrown.stack });
    const message = `The request could not be done (${code}). ${hint}`;
    return refuse(ask, 503, [problem('ServiceUnavailable', '', message)]);
  });

  return api;
}

function addOperation(api: OpenAPIHono<Environment>, { role, route, run }: Operation): void {
  const guarded = async (ask: Ask): Promise<Response> => {
    const credential = ask.get('credential');
    if (role === 'read' || credential.role === 'write') return run(ask);
    return refuse(ask, 403, [problem('Forbidden', '', `The credential ${credential.id} may only read.`)]);
  };
  // The library's types know the shape of each answer; the tests hold the answers against the document instead.
  api.openapi(route, guarded as never);
}

/** COS's own form, signed as COS signs. The SDKs sign the path "/", whatever their Domain says. */
function addNative(
  api: OpenAPIHono<Environment>,
  { settings, clock, rules, log, checks }: ApiPorts,
  allowed: (caller: string) => number,
): void {
  const { masterSecret, generationMin } = settings;
  const ports = { rules, log, clock, entropy: checks.entropy, region: checks.region };
  api.use(
    '/native/*',
    bodyLimit({
      maxSize: nativeBodyBytesMax,
      onError: () => {
        const message = `The body is larger than ${nativeBodyBytesMax} bytes.`;
        return refuseNative(ports, { status: 400, code: 'EntityTooLarge', message });
      },
    }),
  );
  api.all('/native/:bucket/:region/*', async (ask) => {
    const url = new URL(ask.req.url);
    const { bucket, region } = ask.req.param();
    const signed = {
      method: ask.req.method,
      path: '/',
      query: [...url.searchParams],
      headers: Object.fromEntries(ask.req.raw.headers),
    };
    const check = verifySignature(masterSecret, generationMin, signed, ['/', url.pathname], clock.now());
    if (allowed(check.ok ? check.credential.id : '') > 0) {
      return refuseNative(ports, {
        status: 503,
        code: 'SlowDown',
        message: 'Too many requests; wait a moment.',
      });
    }
    if (!check.ok) return refuseNative(ports, { status: 403, code: check.code, message: check.message });
    return answerNative(ports, {
      method: ask.req.method,
      bucket,
      region,
      query: url.searchParams,
      headers: ask.req.raw.headers,
      body: new Uint8Array(await ask.req.arrayBuffer()),
      credential: check.credential,
    });
  });
}

function pathPattern(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`);
}
