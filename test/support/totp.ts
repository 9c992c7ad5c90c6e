// A person's authenticator app: added over the JSON API, and the codes that it shows.
import { Secret, TOTP } from 'otpauth';
import type { Call } from './api.ts';

/** The code at that time, `later` seconds after it. */
export function totpCode(secret: string, time: Date, later = 0): string {
  return TOTP.generate({ secret: Secret.fromBase32(secret), timestamp: time.getTime() + 1000 * later });
}

/** Adds one to whoever calls; answers its secret. */
export async function enrolTotp(call: Call, time: Date): Promise<string> {
  const { flow_id, description_placeholders } = (await call('POST', '/api/me/mfa/totp/setup')).json();
  const secret: string = description_placeholders.code;
  const done = await call('POST', '/api/me/mfa/totp/setup', { flow_id, user_input: { code: totpCode(secret, time) } });
  if (done.json().type !== 'create_entry') throw new Error(`not added: ${done.body}`);
  return secret;
}
