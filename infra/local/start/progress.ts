import { SingleBar } from 'cli-progress';

/** Shows how far a long step is. */
export interface Progress {
  readonly advance: () => void;
  readonly stop: () => void;
}

/** Where progress and lines are written: a terminal gets a bar, anything else a line at every tenth. */
export type ProgressOutput = NodeJS.WritableStream & { readonly isTTY?: boolean };

const linesPerStep = 10;

export function showProgress(output: ProgressOutput, label: string, total: number): Progress {
  return output.isTTY ? barOf(output, label, total) : linesOf(output, label, total);
}

function barOf(output: ProgressOutput, label: string, total: number): Progress {
  const bar = new SingleBar({
    stream: output,
    format: `${label.padEnd(11)} {bar} {percentage} %  {value}/{total}  {duration_formatted}`,
    hideCursor: true,
  });
  bar.start(total, 0);
  return { advance: () => bar.increment(), stop: () => bar.stop() };
}

function linesOf(output: ProgressOutput, label: string, total: number): Progress {
  let value = 0;
  let shown = 0;
  return {
    advance: () => {
      value += 1;
      const tenth = Math.floor((value * linesPerStep) / total);
      if (tenth === shown) return;
      shown = tenth;
      output.write(`${label} ${value}/${total}\n`);
    },
    stop: () => {},
  };
}
