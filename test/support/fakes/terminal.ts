// A pseudo-terminal for tests: its reader can be stopped, as by Ctrl-S, and closed, as by an SSH
// connection that breaks.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';

export interface Terminal {
  /** Where a program writes. */
  fd: number;
  /** Nobody reads any more; what is written waits. */
  stop(): void;
  /** It is gone. */
  close(): Promise<void>;
}

/** By `script` of util-linux, which every Debian has. */
export async function openTerminal(): Promise<Terminal> {
  const script = spawn('script', ['-qfc', 'tty; exec sleep 3600', '/dev/null'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const fd = openSync(await nameOf(script), constants.O_WRONLY | constants.O_NOCTTY);
  script.stdout.resume();
  return {
    fd,
    stop: () => void script.kill('SIGSTOP'),
    async close() {
      closeSync(fd);
      if (script.exitCode !== null || script.signalCode !== null) return;
      const ended = once(script, 'exit');
      script.kill('SIGKILL');
      await ended;
    },
  };
}

function nameOf({ stdout }: ChildProcess): Promise<string> {
  let said = '';
  return new Promise((resolve) => {
    stdout?.on('data', (text: Buffer) => {
      said += text;
      const [name] = /\/dev\/pts\/\d+/.exec(said) ?? [];
      if (name !== undefined && said.includes('\n')) resolve(name);
    });
  });
}
