// The reference of a refusal, shown to the client and stored with the audit event.
import { randomBuffer } from '../../domain/secret.ts';

/** 40 random bits: short enough to be read aloud. */
export function errorRef(): string {
  return randomBuffer(5).toString('hex');
}
