import { parseStartOptions } from '../../../../infra/local/start/options';

function parse(...args: string[]) {
  let said = '';
  try {
    return { options: parseStartOptions(args, (text) => (said += text)), said };
  } catch (error) {
    return { exitCode: (error as { exitCode?: number }).exitCode, said };
  }
}

test('nothing given is port 8017 with the demo', () => {
  expect(parse().options).toEqual({ port: 8017, empty: false, undeployed: false, json: false });
});

test('every option is read', () => {
  expect(parse('--port', '0', '--data', 'd', '--json', '--import', 'i').options).toEqual({
    port: 0,
    data: 'd',
    empty: false,
    undeployed: false,
    json: true,
    import: 'i',
  });
});

test.each(['x', '-1', '65536', '80.5', ''])('a port that is none is refused: "%s"', (port) => {
  const { exitCode, said } = parse(`--port=${port}`);
  expect(exitCode).toBe(1);
  expect(said).toMatch(/--port <n>.*whole number from 0 to 65535/);
});

test.each([
  [['--prot', '1'], /unknown option/],
  [['extra'], /too many arguments/],
  [['--data', ''], /name of a folder/],
  [['--faults', ''], /name of a file/],
])('a line that is not understood is refused: %j', (args, expected) => {
  const { exitCode, said } = parse(...args);
  expect(exitCode).toBe(1);
  expect(said).toMatch(expected);
});

test('an import without the demo is refused', () => {
  expect(parse('--empty', '--import', 'i').said).toMatch(/leave out --empty/);
});

test('the help names every option and ends well', () => {
  const { exitCode, said } = parse('--help');
  expect(exitCode).toBe(0);
  for (const option of [
    '--port',
    '--data',
    '--empty',
    '--json',
    '--import',
    '--faults',
    '--network',
    'Ctrl-C',
  ])
    expect(said).toContain(option);
});
