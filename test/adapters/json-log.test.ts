import { createJsonLog } from '../../lib/adapters/log/json-log';

function logged(act: (log: ReturnType<typeof createJsonLog>) => void): readonly string[] {
  const lines: string[] = [];
  act(createJsonLog(() => ({ requestId: 'r1' }), { write: (line: string) => void lines.push(line) }));
  return lines;
}

test('each message is one JSON object on one line, with the level, the time and the request', () => {
  const lines = logged((log) => {
    log.info('replicated', { key: 'a\nb', rule: 'r' });
    log.error('failed', { code: 'X' });
  });
  expect(lines).toHaveLength(2);
  expect(lines.every((line) => line.endsWith('\n') && line.indexOf('\n') === line.length - 1)).toBe(true);
  const [first, second] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(first).toMatchObject({ level: 'info', msg: 'replicated', key: 'a\nb', requestId: 'r1' });
  expect(typeof first?.['time']).toBe('number');
  expect(second).toMatchObject({ level: 'error', msg: 'failed' });
});

test('secrets are not in it, by whatever name they come along', () => {
  const secret = 'do-not-print';
  const [line] = logged((log) =>
    log.info('x', {
      secretKey: secret,
      token: secret,
      headers: { authorization: secret, Authorization: secret },
      credentials: { secretId: secret, secret },
    }),
  );
  expect(line).not.toContain(secret);
  expect(line).toContain('[redacted]');
});
