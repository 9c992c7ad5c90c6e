// Writes log lines without blocking. What cannot be written (full disk, closed terminal, stalled
// pipe) waits in a bounded buffer; beyond that, lines are lost and counted.
import { closeSync, constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { isatty } from 'node:tty';

/** Maximum characters in the buffer; further lines are lost. */
const MOST_WAITING = 1024 * 1024;
/** Maximum characters per write, unless a single line is longer. */
const MOST_AT_ONCE = 64 * 1024;
/** Milliseconds in which lines are collected for one write. */
const COLLECT_MS = 10;
/** Retry interval in milliseconds while the reader is slow. */
const BUSY_RETRY_MS = 20;
/** Retry interval in milliseconds after an error. */
const RETRY_MS = 1_000;

export interface LogDestination {
  /** Accepts a line including its line end. Never throws or blocks. */
  write(line: string): void;
  /** Lines lost since the start. */
  lost(): number;
  /** Called once writing works again after a loss; `count`: lines lost since the last call. */
  onRecovery(listener: (count: number) => void): void;
  /** Resolves when everything is written, at once if nothing can be, or after `ms` milliseconds. */
  flush(ms: number): Promise<void>;
  /**
   * Writes the buffer synchronously as far as possible without blocking, for a process that exits.
   */
  flushNow(): void;
}

/** A writer: `done` receives the number of bytes written, or an error. */
interface Sink {
  write(bytes: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void): void;
  writeNow(bytes: Buffer): void;
}

/**
 * `stream` is Node's own for the descriptor, such as `process.stderr` for 2; it writes pipes and
 * sockets without blocking. `format` makes a line readable for people.
 */
export function createLogDestination(fd: number, stream: Writable, format = (line: string) => line): LogDestination {
  return overSink(sinkOf(fd, stream), format);
}

function overSink(sink: Sink, format: (line: string) => string): LogDestination {
  let waiting: string[] = [];
  let size = 0;
  /** The unwritten part of the current write. */
  let rest: Buffer | null = null;
  let writing = false;
  let scheduled = false;
  let retry: NodeJS.Timeout | undefined;
  let lost = 0;
  let untold = 0;
  let reporting = false;
  let tell = (_count: number) => {};
  const idle = new Set<() => void>();

  function schedule(): void {
    if (scheduled || writing || retry !== undefined) return;
    scheduled = true;
    // A busy server's lines share a write: each one costs a turn of the thread pool.
    setTimeout(() => {
      scheduled = false;
      next();
    }, COLLECT_MS).unref();
  }

  function next(): void {
    if (writing || retry !== undefined) return;
    rest ??= takeChunk();
    if (rest === null) {
      settle();
      return;
    }
    writing = true;
    sink.write(rest, written);
  }

  function written(error: NodeJS.ErrnoException | null, bytes: number): void {
    writing = false;
    if (error || bytes === 0) {
      later(error);
      return;
    }
    rest = rest !== null && bytes < rest.length ? rest.subarray(bytes) : null;
    if (rest === null && untold > 0) {
      const count = untold;
      untold = 0;
      // This line is always accepted, or the count would be lost with it.
      reporting = true;
      tell(count);
      reporting = false;
    }
    next();
  }

  function later(error: NodeJS.ErrnoException | null): void {
    const busy = error === null || error.code === 'EAGAIN';
    retry = setTimeout(
      () => {
        retry = undefined;
        next();
      },
      busy ? BUSY_RETRY_MS : RETRY_MS,
    ).unref();
    if (!busy) settle();
  }

  function settle(): void {
    for (const resolve of idle) resolve();
    idle.clear();
  }

  function takeChunk(): Buffer | null {
    if (waiting.length === 0) return null;
    let [count, length] = [0, 0];
    while (count < waiting.length && (count === 0 || length + (waiting[count]?.length ?? 0) <= MOST_AT_ONCE)) {
      length += waiting[count]?.length ?? 0;
      count += 1;
    }
    const text = waiting.slice(0, count).join('');
    waiting = waiting.slice(count);
    size -= length;
    return Buffer.from(text);
  }

  return {
    write(line) {
      const text = format(line);
      if (!reporting && size + text.length > MOST_WAITING) {
        lost += 1;
        untold += 1;
        return;
      }
      waiting.push(text);
      size += text.length;
      schedule();
    },
    lost: () => lost,
    onRecovery(listener) {
      tell = listener;
    },
    async flush(ms) {
      if (rest === null && waiting.length === 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        idle.add(() => {
          clearTimeout(timer);
          resolve();
        });
        clearTimeout(retry);
        retry = undefined;
        next();
      });
    },
    flushNow() {
      const text = Buffer.from(waiting.join(''));
      const left = writing || rest === null ? text : Buffer.concat([rest, text]);
      [waiting, size] = [[], 0];
      if (left.length === 0) return;
      try {
        sink.writeNow(left);
      } catch {
        // Nothing else can be done at exit.
      }
    },
  };
}

function sinkOf(fd: number, stream: Writable): Sink {
  const stat = fstatSync(fd);
  if (stat.isFIFO() || stat.isSocket()) return streamSink(stream);
  return descriptorSink(isatty(fd) ? reopened(fd) : fd);
}

function streamSink(stream: Writable): Sink {
  // Errors arrive in the callback; an unhandled event would end the process.
  stream.on('error', () => {});
  return {
    write: (bytes, done) => void stream.write(bytes, (error) => done(error ?? null, error ? 0 : bytes.length)),
    // The pipe takes what fits.
    writeNow: (bytes) => void stream.write(bytes),
  };
}

function descriptorSink(fd: number): Sink {
  return {
    write: (bytes, done) => write(fd, bytes, 0, bytes.length, null, done),
    writeNow(bytes) {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    },
  };
}

/**
 * Reopens a terminal for non-blocking writes: with output stopped (Ctrl-S), a blocked write would
 * delay the exit. A closed terminal cannot be reopened, and writing to it fails at once.
 */
function reopened(fd: number): number {
  try {
    const own = openSync(`/dev/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    if (isatty(own)) return own;
    closeSync(own);
  } catch {
    // Not every system has /dev/fd.
  }
  return fd;
}
