import pino, { type DestinationStream } from 'pino';
import type { Logger } from '../../app/ports';

/** Names under which a secret could come along. */
const secrets = [
  'secretKey',
  'secretId',
  'token',
  'authorization',
  'Authorization',
  'masterSecret',
  'secret',
];

/**
 * One JSON object a line on standard output, written at once: SCF freezes an instance between invocations.
 * `context` is asked for every line.
 */
export function createJsonLog(context: () => object, destination?: DestinationStream): Logger {
  const log = pino(
    {
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      mixin: () => ({ ...context() }),
      redact: { paths: secrets.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    },
    destination ?? pino.destination({ sync: true }),
  );
  return {
    info: (message, facts) => log.info(facts, message),
    warn: (message, facts) => log.warn(facts, message),
    error: (message, facts) => log.error(facts, message),
  };
}
