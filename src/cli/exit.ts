// Exit codes and error messages.
import { isConfigError } from '../config/issues.ts';
import { AuthError } from '../domain/errors.ts';

/** 78 is EX_CONFIG of sysexits.h: restarting does not help. */
export const EXIT = { done: 0, failed: 1, usage: 2, configuration: 78 } as const;

/** Open files required for the start and one address's maximum of connections. */
const FILES_NEEDED = 1024;

/** An error in how the command was typed. */
export function usageError(message: string): Error {
  return Object.assign(new Error(message), { name: 'UsageError' });
}

/** A valid command that is refused. */
export function commandError(message: string): Error {
  return Object.assign(new Error(message), { name: 'Refusal' });
}

/** An error's exit code and message: one line, or one per configuration issue. */
export function exitFailure(error: unknown): { code: number; lines: string[] } {
  if (isConfigError(error)) return { code: EXIT.configuration, lines: error.complaints };
  const code = error instanceof Error && error.name === 'UsageError' ? EXIT.usage : EXIT.failed;
  return { code, lines: [sentence(error).replace(/\s*\n\s*/g, '; ')] };
}

function sentence(error: unknown): string {
  if (error instanceof AuthError) return [error.description, error.detail].filter((text) => text !== undefined).join(': ');
  if (!(error instanceof Error)) return String(error);
  return listenFailure(error) ?? tooManyFiles(error) ?? error.message;
}

/** Sockets and loaded files need descriptors. */
function tooManyFiles({ code, message }: Error & { code?: string }): string | undefined {
  if (code !== 'EMFILE' && !message.startsWith('EMFILE')) return undefined;
  return `This process may not open enough files: raise the limit to ${FILES_NEEDED} at least (ulimit -n, or LimitNOFILE= of systemd)`;
}

function listenFailure(error: Error & { syscall?: string; code?: string; address?: string; port?: number }): string | undefined {
  if (error.syscall !== 'listen' && error.syscall !== 'getaddrinfo') return undefined;
  if (error.code === 'EADDRINUSE')
    return `Port ${error.port} is in use by another program: stop that one, or set listen.port (metrics.listen.port)`;
  if (error.code === 'EACCES') return `This account may not listen on port ${error.port}: set listen.port to one above 1023`;
  return `Cannot listen on ${error.address ?? 'listen.host'}: it is no address of this machine (${error.code})`;
}
