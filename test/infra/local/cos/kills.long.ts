import { temporaryFolder } from '../../../support/local';
import { buildProcess } from './cos-process';
import { killDuringWrites, nothingLost } from './kills';

const folder = temporaryFolder();
let removeProcess = (): void => {};
beforeAll(() => {
  removeProcess = buildProcess();
});
afterAll(() => {
  folder.remove();
  removeProcess();
});

// The tests do three of these.
test.each(Array.from({ length: 50 }, (_, i) => i + 1))('kill %i of 50', async (round) => {
  const killed = await killDuringWrites(folder.path, round);
  expect(killed).toMatchObject(nothingLost);
  expect(killed.acknowledged).toBeGreaterThan(5);
});
